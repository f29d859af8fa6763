import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { Host, SshSettings } from '../../src/model/inventory.ts';
import { freePort, hostOf } from './hosts.ts';
import { commandOf, descendants, kill } from './processes.ts';
import { until } from './until.ts';

/** A temporary folder with a client key that all servers of a test file accept. */
export class Bench {
  readonly folder = mkdtempSync(join(tmpdir(), 'kbin-wire-'));
  readonly key = this.makeKey('client');
  readonly user = userInfo().username;
  readonly #servers: Sshd[] = [];
  readonly #sleepers: string[] = [];

  /** Path of a new private key. */
  makeKey(name: string, ...options: string[]): string {
    const path = join(this.folder, name);
    const passphrase = options.includes('-N') ? [] : ['-N', ''];
    const type = options.includes('-t') ? [] : ['-t', 'ed25519'];
    execFileSync('ssh-keygen', ['-q', ...type, ...passphrase, '-f', path, '-C', name, ...options]);
    return path;
  }

  /** Path of a file in the folder. */
  write(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, text);
    return path;
  }

  read(name: string): string {
    return readFileSync(join(this.folder, name), 'utf8');
  }

  /**
   * A script that writes its process id into a file of the folder and then becomes `sleep`. `started` resolves with
   * the id once the script runs: by then the command was sent, whatever sshd's processes look like.
   */
  sleeper(name: string, seconds = 600): { script: string; started: () => Promise<number> } {
    const file = join(this.folder, name);
    this.#sleepers.push(file);
    const script = `echo $$ >${file}.new && mv ${file}.new ${file} && exec sleep ${seconds}`;
    const started = async () => {
      await until(() => existsSync(file), `the start of ${name}`);
      return Number(this.read(name));
    };
    return { script, started };
  }

  /** A running sshd of its own on loopback. `lines` go in front of its configuration, where they win. */
  async serve(name: string, { lines = [], port }: { lines?: string[]; port?: number } = {}): Promise<Sshd> {
    const server = await Sshd.start(this, name, { lines, port: port ?? (await freePort()) });
    this.#servers.push(server);
    return server;
  }

  /** known_hosts with the keys of these servers. */
  knownHosts(name: string, ...servers: Sshd[]): string {
    return this.write(name, servers.map((server) => `[127.0.0.1]:${server.port} ${server.publicKey}\n`).join(''));
  }

  /** A host of an inventory behind a server. */
  host(server: Pick<Sshd, 'port' | 'name'>, ssh: Partial<SshSettings> = {}): Host {
    return hostOf(server.name, {
      user: this.user,
      port: server.port,
      keys: [this.key],
      knownHosts: [join(this.folder, 'known_hosts')],
      ...ssh,
    });
  }

  close(): void {
    for (const server of this.#servers) server.stop();
    const pids = this.#sleepers.filter((file) => existsSync(file)).map((file) => Number(readFileSync(file, 'utf8')));
    for (const pid of pids.filter((sleeper) => commandOf(sleeper) === 'sleep')) kill(pid);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export class Sshd {
  readonly name: string;
  readonly port: number;
  readonly publicKey: string;
  readonly #child: ChildProcess;
  readonly #log: string;

  private constructor(bench: Bench, name: string, { port, child }: { port: number; child: ChildProcess }) {
    this.name = name;
    this.port = port;
    this.publicKey = bench.read(`${name}-host.pub`).split(' ').slice(0, 2).join(' ');
    this.#child = child;
    this.#log = logOf(bench, name);
  }

  static async start(bench: Bench, name: string, { lines, port }: { lines: string[]; port: number }): Promise<Sshd> {
    const hostKey = bench.makeKey(`${name}-host`);
    const accepted = bench.write(`${name}-authorized`, readFileSync(`${bench.key}.pub`, 'utf8'));
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    const file = bench.write(
      `${name}.conf`,
      [
        ...lines,
        `Port ${port}`,
        'ListenAddress 127.0.0.1',
        `HostKey ${hostKey}`,
        `AuthorizedKeysFile ${accepted}`,
        'PidFile none',
        'StrictModes no',
        'LogLevel VERBOSE',
        'UsePAM no',
        'PasswordAuthentication no',
        'KbdInteractiveAuthentication no',
        'PermitRootLogin yes',
        '',
      ].join('\n'),
    );
    // Into a file: what sshd has written can be read at once, while a pipe is read whenever this process comes to it.
    const log = bench.write(`${name}.log`, '');
    const child = spawn('/usr/sbin/sshd', ['-D', '-E', log, '-f', file], { stdio: 'ignore' });
    await listening(child, log);
    return new Sshd(bench, name, { port, child });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /**
   * How many lines of its log match, once all its connections have ended: sshd lets a client go on before it has
   * written down that it did, and a second attempt that must not be would come after the first.
   */
  async countAtRest(pattern: RegExp): Promise<number> {
    await this.rest();
    return readFileSync(this.#log, 'utf8')
      .split('\n')
      .filter((line) => pattern.test(line)).length;
  }

  /** Resolves once none of its connections is left. */
  rest(): Promise<void> {
    return until(() => this.connections().length === 0, `the end of all connections to ${this.name}`);
  }

  /** Processes of this server's connections. */
  connections(): number[] {
    return descendants(this.pid);
  }

  /** Breaks every connection at once, as a crash of sshd would; what it ran is left alone. */
  breakConnections(): void {
    // Since OpenSSH 9.8 the processes of connections are called sshd-session and sshd-auth.
    for (const pid of this.connections().filter((child) => commandOf(child).startsWith('sshd'))) kill(pid);
  }

  stop(): void {
    for (const pid of this.connections()) kill(pid);
    this.#child.kill('SIGKILL');
  }
}

const logOf = (bench: Bench, name: string): string => join(bench.folder, `${name}.log`);

async function listening(child: ChildProcess, log: string): Promise<void> {
  let failure: string | undefined;
  child.once('error', ({ message }) => (failure = message));
  await until(() => {
    if (failure !== undefined || child.exitCode !== null)
      throw new Error(`sshd ended: ${failure ?? readFileSync(log, 'utf8')}`);
    return readFileSync(log, 'utf8').includes('Server listening on');
  }, 'sshd’s port');
}

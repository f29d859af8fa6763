import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { Host, SshSettings } from '../../src/model/inventory.ts';

/** A temporary folder with a client key that all servers of a test file accept. */
export class Bench {
  readonly folder = mkdtempSync(join(tmpdir(), 'kbin-wire-'));
  readonly key = this.makeKey('client');
  readonly user = userInfo().username;
  readonly #servers: Sshd[] = [];

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
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function hostOf(name: string, ssh: Partial<SshSettings>): Host {
  return {
    name,
    address: '127.0.0.1',
    sshAddress: '127.0.0.1',
    arch: 'amd64',
    roles: ['worker'],
    ssh: {
      transport: 'ssh2',
      user: 'root',
      port: 22,
      keys: [],
      agent: false,
      bastions: [],
      become: { method: 'none' },
      hostKeys: 'strict',
      knownHosts: [],
      connectSeconds: 20,
      commandSeconds: 20,
      keepaliveSeconds: 5,
      ...ssh,
    },
    labels: {},
    taints: [],
    components: {} as Host['components'],
  };
}

export class Sshd {
  readonly name: string;
  readonly port: number;
  readonly publicKey: string;
  readonly #child: ChildProcess;
  #log = '';

  private constructor(name: string, port: number, publicKey: string, child: ChildProcess) {
    this.name = name;
    this.port = port;
    this.publicKey = publicKey;
    this.#child = child;
    child.stderr?.on('data', (chunk: Buffer) => (this.#log += chunk.toString()));
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
    const child = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', file], { stdio: ['ignore', 'ignore', 'pipe'] });
    await listening(child);
    const publicKey = readFileSync(`${hostKey}.pub`, 'utf8').split(' ').slice(0, 2).join(' ');
    return new Sshd(name, port, publicKey, child);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** How many lines of its log match. */
  count(pattern: RegExp): number {
    return this.#log.split('\n').filter((line) => pattern.test(line)).length;
  }

  /** Processes of this server's connections. */
  connections(): number[] {
    return descendants(this.pid);
  }

  /** Breaks every connection at once, as a crash of sshd would; what it ran is left alone. */
  breakConnections(): void {
    for (const pid of this.connections().filter((child) => isCommand(child, 'sshd'))) killed(pid);
  }

  stop(): void {
    for (const pid of this.connections()) killed(pid);
    this.#child.kill('SIGKILL');
  }
}

function listening(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('Server listening on')) resolve();
    });
    child.once('exit', () => reject(new Error(`sshd ended: ${said}`)));
    child.once('error', reject);
  });
}

/** All processes below one, deepest first. */
export function descendants(parent: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // The process has ended meanwhile.
    }
  }
  const below = (pid: number): number[] =>
    [...parents].flatMap(([child, above]) => (above === pid ? [...below(child), child] : []));
  return below(parent);
}

/** True while the process runs and its program has this name. */
export function isCommand(pid: number, name: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === name;
  } catch {
    return false;
  }
}

function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
      server.close(() => resolve(port));
    });
  });
}

/** Resolves once `isTrue`, asked every few milliseconds; fails after ten seconds. */
export async function until(isTrue: () => boolean | Promise<boolean>, what = 'the condition'): Promise<void> {
  const end = Date.now() + 10_000;
  while (!(await isTrue())) {
    if (Date.now() > end) throw new Error(`${what} did not come true`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

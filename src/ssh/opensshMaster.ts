import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { shellQuote } from '../remote/quote.ts';
import { Capture } from './capture.ts';
import { type OpensshLogin, opensshLogins, type OpensshPlan, SHOWN_SCRIPT } from './opensshConfig.ts';
import { randomMarker } from './talk.ts';

/** Longest path of a Unix socket (sun_path, 108), less what ssh appends while it creates one. */
const SOCKET_PATH_BYTES = 88;
const DIRECTORY_NAME = 'kbin-XXXXXX';

/**
 * Answers ssh's questions (SSH_ASKPASS): the passphrase as often as there are keys, the password once for each account
 * that asks, so that a wrong one is not tried twice.
 */
const ASKPASS = `#!/bin/sh
dir=$(dirname "$0")
case $1 in *assphrase*) exec cat "$dir/passphrase" ;; esac
who=$(printf %s "$1" | sed -e 's/^(\\([^)]*\\)).*/\\1/' -e "s/'s password.*//" | cksum)
mkdir "$dir/asked-\${who%% *}" && exec cat "$dir/password"
`;

/** A running `ssh -M`: the connection of one host that its commands share. */
export class OpensshMaster {
  readonly logins: readonly OpensshLogin[];
  readonly socket: string;
  readonly #directory: string;
  readonly #settings: OpensshPlan['settings'];
  readonly #stderr = new Capture(8 * 1024, 'tail');
  #child: ChildProcessWithoutNullStreams | undefined;
  #exited: Promise<void> = Promise.resolve();

  private constructor(plan: OpensshPlan) {
    this.#directory = plan.directory;
    this.#settings = plan.settings;
    this.socket = join(plan.directory, 's');
    this.logins = opensshLogins(plan);
  }

  /** Writes the private directory (0700): configuration, askpass program, secrets (0600). */
  static async prepare(plan: Omit<OpensshPlan, 'directory'>): Promise<OpensshMaster> {
    const directory = await mkdtemp(join(baseDirectory(), DIRECTORY_NAME.replace(/X+$/, '')));
    const master = new OpensshMaster({ ...plan, directory });
    const { password, passphrase } = plan.settings;
    const files: [string, string, number][] = [
      ['shown.sh', SHOWN_SCRIPT, 0o600],
      ['askpass', ASKPASS, 0o700],
      ...(password === undefined ? [] : [['password', password.reveal(), 0o600] as [string, string, number]]),
      ...(passphrase === undefined ? [] : [['passphrase', passphrase.reveal(), 0o600] as [string, string, number]]),
    ];
    await Promise.all([
      ...files.map(([name, text, mode]) => writeFile(join(directory, name), text, { mode })),
      ...master.logins.map(({ file, text }) => writeFile(file, text, { mode: 0o600 })),
    ]);
    return master;
  }

  /** True while the connection stands. */
  get isAlive(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves when ssh has ended. */
  get exited(): Promise<void> {
    return this.#exited;
  }

  /** What ssh said. */
  get words(): string {
    return this.#stderr.text();
  }

  /** Logs in. False when ssh ends before the host answered. Rejects when there is no ssh. */
  async start(): Promise<boolean> {
    const target = this.logins[this.logins.length - 1];
    const marker = randomMarker();
    // The session ends with kbin's end of the pipe, and the master with it: nothing is left behind when kbin is killed.
    const line = `sh -c ${shellQuote(`echo ${marker}; exec cat >/dev/null`)}`;
    const args = ['-F', target?.file ?? '', '-M', '-S', this.socket, '-T', '--', target?.login.alias ?? '', line];
    const child = spawn('ssh', args, { detached: true, stdio: 'pipe', env: this.#environment() });
    this.#child = child;
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on('error', () => undefined);
    child.stderr.on('data', (chunk: Buffer) => this.#stderr.add(chunk));
    this.#exited = new Promise((resolve) => child.once('close', () => resolve()));
    const isReady = await new Promise<boolean>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', () => resolve(false));
      const stdout = new Capture(8 * 1024, 'tail');
      child.stdout.on('data', (chunk: Buffer) => {
        stdout.add(chunk);
        if (stdout.text().includes(marker)) resolve(true);
      });
    });
    if (isReady) await this.#forgetSecrets();
    return isReady;
  }

  /** The last key that each sshd on the way showed; undefined for those that were not reached. */
  shownKeys(): Promise<(Buffer | undefined)[]> {
    return Promise.all(
      this.logins.map(async ({ shownFile }) => {
        const text = await readFile(shownFile, 'latin1').catch(() => '');
        const [, key] = text.trimEnd().split('\n').at(-1)?.split(' ') ?? [];
        return key === undefined ? undefined : Buffer.from(key, 'base64');
      }),
    );
  }

  /** Ends the connection, if there is one, and removes the directory. */
  async stop(): Promise<void> {
    if (this.isAlive) this.#child?.kill('SIGTERM');
    await this.#exited;
    await rm(this.#directory, { recursive: true, force: true });
  }

  #environment(): NodeJS.ProcessEnv {
    const askpass = { SSH_ASKPASS: join(this.#directory, 'askpass'), SSH_ASKPASS_REQUIRE: 'force' };
    const { password, passphrase } = this.#settings;
    return { ...process.env, ...(password === undefined && passphrase === undefined ? {} : askpass) };
  }

  async #forgetSecrets(): Promise<void> {
    for (const name of ['password', 'passphrase']) await rm(join(this.#directory, name), { force: true });
  }
}

/** The user's own runtime directory (tmpfs, 0700) where its path leaves room for a socket's. */
function baseDirectory(): string {
  const { XDG_RUNTIME_DIR: runtime } = process.env;
  const fits = (path: string) => Buffer.byteLength(join(path, DIRECTORY_NAME, 's')) <= SOCKET_PATH_BYTES;
  return [runtime, tmpdir()].find((path) => path !== undefined && path !== '' && fits(path)) ?? '/tmp';
}

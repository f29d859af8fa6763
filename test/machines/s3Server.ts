import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort } from '../wire/hosts.ts';
import { until } from '../wire/until.ts';

const arch = process.arch === 'arm64' ? 'arm64' : 'amd64';
const built = join(process.env['KBIN_LAB_CACHE'] ?? '/var/cache/kbin-lab', 'artifacts/test/versitygw');

/** The S3 server that scripts/binaries --tests builds; undefined where it did not. */
export const versitygw = (existsSync(built) ? readdirSync(built) : [])
  .map((version) => join(built, version, arch, 'versitygw'))
  .find((path) => existsSync(path));

export const ACCESS_KEY = 'kbin-test';
export const SECRET_KEY = 'poison-secret-of-the-s3-server';

/** A real S3 server on loopback. Its buckets are folders. */
export class S3Server {
  readonly #folder: string;
  readonly #scheme: string;
  readonly #options: string[];
  readonly #port: number;
  #child: ChildProcess | undefined;

  private constructor(folder: string, port: number, tls: string[]) {
    this.#folder = folder;
    this.#port = port;
    this.#scheme = tls.length === 0 ? 'http' : 'https';
    this.#options = tls;
  }

  /** Serves buckets in `folder`; with TLS by a certificate for localhost, whose own authority it is (`ca.pem`). */
  static async start(folder: string, { isTls = false } = {}): Promise<S3Server> {
    for (const name of ['buckets', 'metadata']) mkdirSync(join(folder, name), { recursive: true });
    const server = new S3Server(folder, await freePort(), isTls ? selfSigned(folder) : []);
    await server.start();
    return server;
  }

  get endpoint(): string {
    return `${this.#scheme}://localhost:${this.#port}`;
  }

  bucket(name: string): string {
    const path = join(this.#folder, 'buckets', name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  async start(): Promise<void> {
    const { buckets, metadata } = { buckets: join(this.#folder, 'buckets'), metadata: join(this.#folder, 'metadata') };
    const child = spawn(
      versitygw ?? '',
      ['--port', `127.0.0.1:${this.#port}`, '--quiet', ...this.#options, 'posix', '--sidecar', metadata, buckets],
      { stdio: 'ignore', env: { ROOT_ACCESS_KEY_ID: ACCESS_KEY, ROOT_SECRET_ACCESS_KEY: SECRET_KEY } },
    );
    this.#child = child;
    await until(() => {
      if (child.exitCode !== null) throw new Error(`versitygw ended with ${child.exitCode}`);
      return answers(this.#port);
    }, 'the port of versitygw');
  }

  /** As a power cut would; resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });

function selfSigned(folder: string): string[] {
  const [cert, key] = [join(folder, 'ca.pem'), join(folder, 'key.pem')];
  const options = '-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost';
  execFileSync(
    'openssl',
    ['req', ...options.split(' '), '-addext', 'subjectAltName=DNS:localhost', '-out', cert, '-keyout', key],
    { stdio: 'ignore' },
  );
  return ['--cert', cert, '--key', key];
}

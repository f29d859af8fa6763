import { jest } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { Readable } from 'node:stream';
import { ConnectionLost } from '../../src/errors.ts';
import type { Host, SshSettings } from '../../src/model/inventory.ts';
import type { Connection } from '../../src/model/ports.ts';
import { createConnector } from '../../src/ssh/connector.ts';
import { caught } from './caught.ts';
import { freePort, hostOf } from './hosts.ts';
import { commandOf, descendants, isRunning, kill } from './processes.ts';
import { Bench, type Sshd } from './sshd.ts';
import { SHORT_SECONDS, TEST_MS, until } from './until.ts';

jest.setTimeout(TEST_MS);
const bench = new Bench();
const connector = createConnector();
let server: Sshd;

beforeAll(async () => {
  server = await bench.serve('run', { lines: ['RekeyLimit 20M'] });
  bench.knownHosts('known_hosts', server);
});
afterAll(() => bench.close());

const ignored = () => undefined;
describe.each(['ssh2', 'openssh', 'local'] as const)('a command over %s', (transport) => {
  const hosts = (): Host => (transport === 'local' ? hostOf('here', { transport }) : bench.host(server, { transport }));
  const { script: sleep, started } = bench.sleeper(`late-${transport}`);
  let connection: Connection;
  let impatient: Connection;
  let late: Promise<ConnectionLost>;
  beforeAll(async () => {
    connection = await connector.connect(hosts());
    const host = hosts();
    impatient = await connector.connect({ ...host, ssh: { ...host.ssh, commandSeconds: SHORT_SECONDS } });
    // Its time passes while the other tests run.
    late = caught(impatient.run({ script: `echo waiting for godot >&2; ${sleep}` }));
  });
  afterAll(() => Promise.all([connection.close(), impatient.close()]));

  test('gives back output, errors and exit code', async () => {
    const output = await connection.run({ script: 'echo out; echo err >&2; exit 7' });
    expect(output).toEqual({ exitCode: 7, stdout: 'out\n', stderr: 'err\n' });
  });

  test('keeps exit code 255 apart from a broken connection', async () => {
    expect((await connection.run({ script: 'exit 255' })).exitCode).toBe(255);
    expect(connection.isOpen).toBe(true);
  });

  test('passes a script with every nasty character through', async () => {
    const nasty = `'"\`$HOME $(id) \\ \n\t!* ; & | < > ~ # % é 😀 -n`;
    const script = `printf %s '${nasty.replaceAll("'", `'\\''`)}'`;
    expect((await connection.run({ script })).stdout).toBe(nasty);
  });

  test('ends its input when there is none', async () => {
    expect((await connection.run({ script: 'cat; echo done' })).stdout).toBe('done\n');
  });

  test.each<[string, string | Buffer | (() => Readable)]>([
    ['text', 'a text'],
    ['bytes', Buffer.from([0, 255, 10, 13])],
    ['a stream', () => Readable.from([Buffer.from('part one '), Buffer.from('part two')])],
    ['nothing', ''],
  ])('takes %s as input', async (_name, given) => {
    const input = typeof given === 'function' ? given() : given;
    const { stdout } = await connection.run({ script: 'sha256sum', input });
    const whole = typeof given === 'function' ? 'part one part two' : given;
    expect(stdout.split(' ')[0]).toBe(createHash('sha256').update(whole).digest('hex'));
  });

  test('streams a large input, across new key exchanges', async () => {
    const block = randomBytes(1 << 20);
    const hash = createHash('sha256');
    const blocks = function* () {
      for (let count = 0; count < 64; count += 1) {
        hash.update(block);
        yield block;
      }
    };
    const { stdout } = await connection.run({ script: 'sha256sum', input: Readable.from(blocks()) });
    expect(stdout.split(' ')[0]).toBe(hash.digest('hex'));
  });

  test('streams a large output up to the cap, the beginning of it', async () => {
    const { stdout, exitCode } = await connection.run({ script: 'yes 1234567 | head -c 20000000' });
    expect(exitCode).toBe(0);
    expect(stdout.length).toBe(8 * 1024 * 1024);
    expect(stdout.startsWith('1234567\n1234567\n')).toBe(true);
  });

  test('keeps the end of long errors', async () => {
    const { stderr } = await connection.run({ script: 'yes noise | head -c 300000 >&2; echo last words >&2' });
    expect(stderr.length).toBe(64 * 1024);
    expect(stderr.endsWith('last words\n')).toBe(true);
  });

  test('that ends before its input does is a result, not a crash', async () => {
    const endless = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(65536);
      })(),
    );
    const output = await connection.run({ script: 'head -c 10 >/dev/null; echo enough >&2; exit 3', input: endless });
    expect(output).toMatchObject({ exitCode: 3, stderr: 'enough\n' });
    expect(endless.destroyed).toBe(true);
    expect((await connection.run({ script: 'echo next' })).stdout).toBe('next\n');
  });

  test('whose input fails fails with it, and the connection stays', async () => {
    const failing = Readable.from(
      (async function* () {
        yield Buffer.from('half');
        throw new Error('disk gone');
      })(),
    );
    const error = await caught(connection.run({ script: 'cat >/dev/null', input: failing }));
    expect(error.message).toBe('disk gone');
    expect((await connection.run({ script: 'exit 4' })).exitCode).toBe(4);
  });

  test('that takes too long is ended and named', async () => {
    const pid = await started();
    const error = await late;
    expect(error).toMatchObject({ code: 'TIMEOUT', evidence: ['waiting for godot'] });
    expect(error.message).toContain(`within ${SHORT_SECONDS} s`);
    // ssh has no way to pass a signal on, and sshd takes none for root: there the command lives until it writes.
    if (transport !== 'local') kill(pid);
    await until(() => !isRunning(pid), 'its end');
    expect(impatient.isOpen).toBe(true);
  });

  test('runs beside nineteen others', async () => {
    const runs = Array.from({ length: 20 }, (_, index) =>
      connection.run({ script: `cat; echo ${index}`, input: `${index} ` }),
    );
    const outputs = await Promise.all(runs);
    expect(outputs.map(({ stdout }) => stdout)).toEqual(runs.map((_, index) => `${index} ${index}\n`));
  });

  test('a tunnel carries bytes both ways', async () => {
    const echo = createServer((socket) => socket.on('error', ignored).pipe(socket));
    const port = await freePort();
    await new Promise<void>((resolve) => echo.listen(port, '127.0.0.1', resolve));
    const stream = await connection.tunnel('127.0.0.1', port);
    const bytes = randomBytes(300_000);
    const received: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => received.push(chunk));
    stream.end(bytes);
    await new Promise((resolve) => stream.once('end', resolve));
    expect(Buffer.concat(received).equals(bytes)).toBe(true);
    await new Promise((resolve) => echo.close(resolve));
  });

  test('a tunnel to nowhere says so', async () => {
    const port = await freePort();
    const error = await caught(
      connection
        .tunnel('127.0.0.1', port)
        .then((stream) => new Promise((_, reject) => stream.once('error', reject).resume())),
    );
    expect(error).toMatchObject({ code: 'CONNECT', host: connection.host });
    expect(error.message).toContain(String(port));
  });
});

describe.each(['ssh2', 'openssh'] as const)('a connection that breaks, over %s', (transport) => {
  let fragile: Sshd;
  const settings: Partial<SshSettings> = { transport };
  beforeAll(async () => {
    fragile = await bench.serve(`fragile-${transport}`);
    settings.knownHosts = [bench.knownHosts(`known-${transport}`, fragile)];
  });

  test('while a command runs leaves its outcome unknown', async () => {
    const connection = await connector.connect(bench.host(fragile, settings));
    const { script, started } = bench.sleeper(`broken-${transport}`);
    const running = caught(connection.run({ script }));
    await started();
    fragile.breakConnections();
    const error = await running;
    expect(error).toBeInstanceOf(ConnectionLost);
    expect(error).toMatchObject({ code: 'CONNECT', sent: true });
    await connection.close();
  });

  test('before a command is sent is told apart', async () => {
    const connection = await connector.connect(bench.host(fragile, settings));
    fragile.breakConnections();
    await until(() => !connection.isOpen, 'the end of the connection');
    const error = await caught(connection.run({ script: 'true' }));
    expect(error).toBeInstanceOf(ConnectionLost);
    expect(error).toMatchObject({ code: 'CONNECT', sent: false });
    await expect(caught(connection.tunnel('127.0.0.1', 1))).resolves.toMatchObject({ code: 'CONNECT' });
    await connection.close();
  });

  test('is closed by kbin without anything left running', async () => {
    const connection = await connector.connect(bench.host(fragile, settings));
    const { script, started } = bench.sleeper(`closed-${transport}`);
    const running = caught(connection.run({ script }));
    const pid = await started();
    const early = caught(connection.run({ script: 'sleep 20' }));
    await connection.close();
    expect([await running, await early]).toMatchObject([{ code: 'CONNECT' }, { code: 'CONNECT' }]);
    await fragile.rest();
    const isOurs = (child: number) => commandOf(child) === 'ssh';
    await until(() => !descendants(process.pid).some(isOurs), 'the end of all ssh');
    kill(pid);
  });
});

import { jest } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { appendFileSync, readFileSync } from 'node:fs';
import { createConnector } from '../../src/ssh/connector.ts';
import { caught } from './caught.ts';
import { Bench, type Sshd } from './sshd.ts';
import { TEST_MS } from './until.ts';

jest.setTimeout(TEST_MS);
const bench = new Bench();
const warnings: string[] = [];
const connector = createConnector({ warn: (message) => void warnings.push(message) });
let server: Sshd;
let other: Sshd;

beforeAll(async () => {
  server = await bench.serve('server');
  other = await bench.serve('other');
});
afterAll(() => bench.close());
beforeEach(() => warnings.splice(0));

const fingerprintOf = (name: string): string =>
  execFileSync('ssh-keygen', ['-lf', `${bench.folder}/${name}-host.pub`])
    .toString()
    .split(' ')[1] ?? '';

describe.each(['ssh2', 'openssh'] as const)('host keys over %s', (transport) => {
  const connect = async (ssh: object) => {
    const connection = await connector.connect(bench.host(server, { transport, ...ssh }));
    await connection.close();
  };

  test('a known key passes, plain and hashed', async () => {
    const plain = bench.knownHosts(`plain-${transport}`, server);
    await connect({ knownHosts: [plain] });
    execFileSync('ssh-keygen', ['-H', '-f', plain], { stdio: 'ignore' });
    expect(readFileSync(plain, 'utf8')).toMatch(/^\|1\|/);
    await connect({ knownHosts: [plain] });
  });

  test('an unknown key is refused, with the line that would make it known', async () => {
    const file = bench.write(`empty-${transport}`, '');
    const error = await caught(connect({ knownHosts: [file] }));
    expect(error).toMatchObject({ code: 'HOST_KEY', host: 'server' });
    expect(error.message).toContain(fingerprintOf('server'));
    expect(error.hint).toContain(file);
    expect(readFileSync(file, 'utf8')).toBe('');
    appendFileSync(file, `${error.evidence[0]}\n`);
    await connect({ knownHosts: [file] });
  });

  test.each(['strict', 'accept-new', 'off'] as const)('a changed key is refused with policy %s', async (hostKeys) => {
    const file = bench.write(
      `changed-${transport}-${hostKeys}`,
      `# old\n[127.0.0.1]:${server.port} ${other.publicKey}\n`,
    );
    const before = readFileSync(file, 'utf8');
    const error = await caught(connect({ knownHosts: [file], hostKeys }));
    expect(error.code).toBe('HOST_KEY');
    expect(error.message).toContain(fingerprintOf('server'));
    expect(error.message).toContain(fingerprintOf('other'));
    expect(error.message).toContain(`${file}:2`);
    expect(error.hint).toContain(`ssh-keygen -R '[127.0.0.1]:${server.port}'`);
    expect(readFileSync(file, 'utf8')).toBe(before);
  });

  test('a revoked key is refused even when it is known', async () => {
    const line = `[127.0.0.1]:${server.port} ${server.publicKey}`;
    const file = bench.write(`revoked-${transport}`, `${line}\n@revoked ${line}\n`);
    const error = await caught(connect({ knownHosts: [file] }));
    expect(error.code).toBe('HOST_KEY');
  });

  test('accept-new writes the key down once for many at a time', async () => {
    const file = bench.write(`new-${transport}`, 'other ssh-ed25519 AAAA');
    await Promise.all(Array.from({ length: 5 }, () => connect({ knownHosts: [file], hostKeys: 'accept-new' })));
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    expect(new Set(lines)).toEqual(
      new Set(['other ssh-ed25519 AAAA', `[127.0.0.1]:${server.port} ${server.publicKey}`]),
    );
    expect(lines).toHaveLength(2);
    await connect({ knownHosts: [file] });
  });

  test('off takes an unknown key and warns', async () => {
    const file = bench.write(`off-${transport}`, '');
    await connect({ knownHosts: [file], hostKeys: 'off' });
    expect(warnings.join()).toContain(fingerprintOf('server'));
    expect(readFileSync(file, 'utf8')).toBe('');
  });
});

test('a server with several keys is asked for the one that is known', async () => {
  const rsa = bench.makeKey('rsa-host', '-t', 'rsa');
  const both = await bench.serve('both', { lines: [`HostKey ${rsa}`] });
  const key = readFileSync(`${rsa}.pub`, 'utf8').split(' ').slice(0, 2).join(' ');
  const file = bench.write('rsa-only', `[127.0.0.1]:${both.port} ${key}\n`);
  const connection = await connector.connect(bench.host(both, { knownHosts: [file] }));
  await connection.close();
});

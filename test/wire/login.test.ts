import { jest } from '@jest/globals';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { Secret } from '../../src/model/secret.ts';
import { createConnector } from '../../src/ssh/connector.ts';
import { caught } from './caught.ts';
import { Bench, type Sshd } from './sshd.ts';
import { SHORT_SECONDS, TEST_MS, until } from './until.ts';
import { canMakeUsers, hasSudo, TemporaryUser } from './user.ts';

jest.setTimeout(TEST_MS);
const bench = new Bench();
let server: Sshd;

beforeAll(async () => {
  server = await bench.serve('server');
  bench.knownHosts('known_hosts', server);
});
afterAll(() => bench.close());

const whoami = async (ssh: object, to: Sshd = server): Promise<string> => {
  const connection = await createConnector().connect(bench.host(to, ssh));
  try {
    return (await connection.run({ script: 'id -un' })).stdout.trim();
  } finally {
    await connection.close();
  }
};

/** A copy of the client key that is encrypted or in another format. */
function variant(name: string, ...options: string[]): string {
  const path = `${bench.folder}/${name}`;
  execFileSync('cp', [bench.key, path]);
  execFileSync('ssh-keygen', ['-q', '-p', '-f', path, '-P', '', ...options]);
  return path;
}

describe.each(['ssh2', 'openssh'] as const)('logging in over %s', (transport) => {
  test('with an encrypted key', async () => {
    const key = variant(`encrypted-${transport}`, '-N', 'open sesame');
    expect(await whoami({ transport, keys: [key], passphrase: new Secret('open sesame') })).toBe(bench.user);
  });

  test('with the second of two keys', async () => {
    const stranger = bench.makeKey(`stranger-${transport}`);
    expect(await whoami({ transport, keys: [stranger, bench.key] })).toBe(bench.user);
  });

  test('with a wrong key fails at once, and is tried once', async () => {
    const stranger = bench.makeKey(`wrong-${transport}`);
    const before = await server.countAtRest(/Connection from/);
    const error = await caught(whoami({ transport, keys: [stranger] }));
    expect(error).toMatchObject({ code: 'AUTH', host: 'server' });
    expect((await server.countAtRest(/Connection from/)) - before).toBe(1);
  });

  test('with an agent', async () => {
    const agent = await startAgent(`agent-${transport}`, bench.key);
    try {
      expect(await whoami({ transport, keys: [bench.makeKey(`none-${transport}`)], agent: true })).toBe(bench.user);
    } finally {
      agent.kill();
      delete process.env['SSH_AUTH_SOCK'];
    }
  });
});

test('a key without its passphrase is named as the reason', async () => {
  const key = variant('locked', '-N', 'open sesame');
  const error = await caught(whoami({ keys: [key] }));
  expect(error.code).toBe('AUTH');
  expect(error.evidence.join()).toContain(`${key} is encrypted and no passphrase is given`);
  const wrong = await caught(whoami({ keys: [key], passphrase: new Secret('poison') }));
  expect(wrong.evidence.join()).toContain(`${key} is encrypted and the passphrase does not open it`);
  expect(`${JSON.stringify(wrong)} ${wrong.message} ${wrong.hint ?? ''}`).not.toContain('poison');
});

test.each([
  ['RSA in PEM', ['-t', 'rsa', '-m', 'PEM']],
  ['encrypted RSA in PEM', ['-t', 'rsa', '-m', 'PEM', '-N', 'phrase']],
  ['ECDSA in PKCS#8', ['-t', 'ecdsa', '-m', 'PKCS8']],
  ['encrypted RSA in PKCS#8', ['-t', 'rsa', '-m', 'PKCS8', '-N', 'phrase']],
])('a key that is %s opens', async (name, options) => {
  const key = bench.makeKey(name.replaceAll(/\W/g, '-'), ...options);
  const error = await caught(whoami({ keys: [key], passphrase: new Secret('phrase') }));
  // The server does not know this key: what counts is that it was offered.
  expect(error.message).toContain(`Tried: ${key} (SHA256:`);
});

(canMakeUsers ? describe : describe.skip)('a user with a password (needs root)', () => {
  let user: TemporaryUser;
  let plain: Sshd;
  let pam: Sshd;
  beforeAll(async () => {
    user = new TemporaryUser({ sudo: hasSudo });
    plain = await bench.serve('plain', { lines: ['PasswordAuthentication yes'] });
    pam = await bench.serve('pam', { lines: ['UsePAM yes', 'KbdInteractiveAuthentication yes'] });
    bench.knownHosts('known_hosts', server, plain, pam);
  });
  afterAll(() => user.remove());

  const asUser = (transport: string, password = user.password) => ({
    transport,
    user: user.name,
    keys: [],
    password: new Secret(password),
  });

  test.each(['ssh2', 'openssh'])('logs in over %s by password and by question', async (transport) => {
    expect(await whoami(asUser(transport), plain)).toBe(user.name);
    expect(await whoami(asUser(transport), pam)).toBe(user.name);
  });

  test.each(['ssh2', 'openssh'])('with a wrong password is refused after one attempt over %s', async (transport) => {
    const failures = () => plain.countAtRest(/Failed password/);
    const before = await failures();
    const error = await caught(whoami(asUser(transport, 'poison'), plain));
    expect(error.code).toBe('AUTH');
    expect((await failures()) - before).toBe(1);
    expect(`${error.message} ${error.hint} ${error.evidence.join()}`).not.toContain('poison');
    expect((await caught(whoami(asUser(transport, 'poison'), pam))).code).toBe('AUTH');
  });

  (hasSudo ? describe : describe.skip).each(['ssh2', 'openssh'] as const)('becomes root over %s', (transport) => {
    const connect = (password?: string) =>
      createConnector().connect(
        bench.host(plain, {
          ...asUser(transport),
          transport,
          become: { method: 'sudo', ...(password === undefined ? {} : { password: new Secret(password) }) },
        }),
      );

    test('by the right password, which does not reach the command', async () => {
      const connection = await connect(user.password);
      const output = await connection.run({ script: 'id -un; cat; echo err >&2; exit 3', input: 'the input' });
      expect(output).toEqual({ exitCode: 3, stdout: 'root\nthe input', stderr: 'err\n' });
      expect((await connection.run({ script: 'id -un', become: false })).stdout).toBe(`${user.name}\n`);
      await connection.close();
    });

    test('never by a wrong one, tried once', async () => {
      const connection = await connect('wrong');
      const error = await caught(connection.run({ script: 'id' }));
      expect(error).toMatchObject({ code: 'AUTH', message: 'sudo on plain refused the password.' });
      expect((await connection.run({ script: 'id -un', become: false })).exitCode).toBe(0);
      await connection.close();
    });

    test('never without one, and says what to give', async () => {
      const connection = await connect();
      const error = await caught(connection.run({ script: 'exit 1' }));
      expect(error).toMatchObject({ code: 'AUTH' });
      expect(error.hint).toContain('NOPASSWD');
      await connection.close();
    });
  });

  test('a command that takes too long is ended, as sshd passes signals to users’ commands', async () => {
    const impatient = await createConnector().connect(
      bench.host(plain, { ...asUser('ssh2'), commandSeconds: SHORT_SECONDS } as object),
    );
    const late = caught(impatient.run({ script: 'exec sleep 600' }));
    await until(() => user.processes('sleep').length === 1, 'the command');
    expect((await late).code).toBe('TIMEOUT');
    await until(() => user.processes('sleep').length === 0, 'its end');
    await impatient.close();
  });
});

async function startAgent(name: string, key: string): Promise<ChildProcess> {
  const socket = `${bench.folder}/${name}.sock`;
  const child = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
  process.env['SSH_AUTH_SOCK'] = socket;
  await until(() => {
    try {
      execFileSync('ssh-add', ['-q', key], { stdio: 'ignore', env: process.env });
      return true;
    } catch {
      return false;
    }
  }, 'the agent');
  return child;
}

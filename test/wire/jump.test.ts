import { jest } from '@jest/globals';
import { createConnector } from '../../src/ssh/connector.ts';
import { caught } from './caught.ts';
import { Bench, type Sshd } from './sshd.ts';
import { TEST_MS } from './until.ts';

jest.setTimeout(TEST_MS);
const bench = new Bench();
let gate: Sshd;
let inner: Sshd;
let target: Sshd;

beforeAll(async () => {
  gate = await bench.serve('gate');
  inner = await bench.serve('inner');
  target = await bench.serve('target');
  bench.knownHosts('known_hosts', gate, inner, target);
});
afterAll(() => bench.close());

const hop = ({ port }: Sshd) => ({ address: '127.0.0.1', port, user: bench.user });
const script = 'echo $SSH_CONNECTION';
const logins = (...servers: Sshd[]) => Promise.all(servers.map((server) => server.countAtRest(/Accepted publickey/)));

describe.each(['ssh2', 'openssh'] as const)('through jump hosts over %s', (transport) => {
  test('a command runs on the host behind two of them', async () => {
    const before = await logins(gate, inner);
    const host = bench.host(target, { transport, bastions: [hop(gate), hop(inner)] });
    const connection = await createConnector().connect(host);
    const { stdout } = await connection.run({ script });
    expect(stdout.trim().endsWith(` ${target.port}`)).toBe(true);
    await connection.close();
    expect(await logins(gate, inner)).toEqual(before.map((count) => count + 1));
  });

  test('the key of a jump host is checked too', async () => {
    const knownHosts = [bench.knownHosts(`target-only-${transport}`, target)];
    const host = bench.host(target, { transport, bastions: [hop(gate)], knownHosts });
    const error = await caught(createConnector().connect(host));
    expect(error).toMatchObject({ code: 'HOST_KEY', host: 'target' });
    expect(error.message).toContain(`port ${gate.port}`);
  });

  test('a jump host that forbids forwarding says so', async () => {
    const closed = await bench.serve(`closed-${transport}`, { lines: ['AllowTcpForwarding no'] });
    const knownHosts = [bench.knownHosts(`closed-known-${transport}`, closed, target)];
    const host = bench.host(target, { transport, bastions: [hop(closed)], knownHosts });
    const error = await caught(createConnector().connect(host));
    expect(error.code).toBe('CONNECT');
    if (transport === 'ssh2') expect(error.hint).toContain('AllowTcpForwarding');
    expect(await logins(closed)).toEqual([1]);
  });

  test('an OpenSSH configuration file gives the way, the inventory wins', async () => {
    const included = bench.write(`included-${transport}`, `Host gate-*\n  HostName 127.0.0.1\n  Port ${gate.port}\n`);
    const configFile = bench.write(
      `config-${transport}`,
      [
        `Include ${included}`,
        'Host box',
        '  HostName 127.0.0.1',
        `  Port ${target.port}`,
        '  ProxyJump gate-1',
        'Host *',
        `  User ${bench.user}`,
        `  IdentityFile ${bench.key}`,
        `  UserKnownHostsFile ${bench.folder}/known_hosts`,
        '',
      ].join('\n'),
    );
    const host = bench.host(
      { name: 'box', port: 22 },
      { transport, configFile, user: 'root', keys: [], knownHosts: [] },
    );
    const defaults = { knownHosts: [`${bench.folder}/.ssh/known_hosts`, '/etc/ssh/ssh_known_hosts'] };
    const connector = createConnector({ home: bench.folder });
    const [before = 0] = await logins(gate);
    const box = { ...host, sshAddress: 'box', ssh: { ...host.ssh, ...defaults } };
    const connection = await connector.connect(box);
    expect((await connection.run({ script, become: false })).stdout.trim().endsWith(` ${target.port}`)).toBe(true);
    await connection.close();
    expect(await logins(gate)).toEqual([before + 1]);
    const nowhere = { ...box, ssh: { ...box.ssh, port: inner.port } };
    const explicit = await connector.connect(nowhere);
    expect((await explicit.run({ script, become: false })).stdout.trim().endsWith(` ${inner.port}`)).toBe(true);
    await explicit.close();
  });
});

test('hosts behind the same jump host share one connection to it, until the last one closes', async () => {
  const connector = createConnector();
  const [before = 0] = await logins(gate);
  const host = bench.host(target, { bastions: [hop(gate)] });
  const connections = await Promise.all(Array.from({ length: 6 }, () => connector.connect(host)));
  const [last, ...others] = connections;
  await Promise.all(others.map((connection) => connection.close()));
  expect((await last!.run({ script: 'echo still' })).stdout).toBe('still\n');
  await last!.close();
  // The shared connection ends with its last user: without that the count would never come to rest.
  expect(await logins(gate)).toEqual([before + 1]);
});

test('a jump host that refuses the login is asked once, however many hosts are behind it', async () => {
  const connector = createConnector();
  const before = await gate.countAtRest(/Connection from/);
  const host = bench.host(target, { bastions: [hop(gate)], keys: [bench.makeKey('stranger')] });
  const first = await caught(connector.connect(host));
  const later = await caught(connector.connect({ ...host, name: 'later' }));
  expect(first).toMatchObject({ code: 'AUTH', host: 'target' });
  expect(later).toMatchObject({ code: 'AUTH', host: 'later' });
  expect((await gate.countAtRest(/Connection from/)) - before).toBe(1);
});

test('when the jump host dies every connection through it ends', async () => {
  const connection = await createConnector().connect(bench.host(target, { bastions: [hop(gate)] }));
  const { script: sleep, started } = bench.sleeper('behind-gate');
  const running = caught(connection.run({ script: sleep }));
  await started();
  gate.breakConnections();
  expect(await running).toMatchObject({ code: 'CONNECT', sent: true });
  expect(connection.isOpen).toBe(false);
  await connection.close();
});

import { jest } from '@jest/globals';
import { createConnector } from '../../src/ssh/connector.ts';
import { caught } from './caught.ts';
import { Bench, type Sshd, until } from './sshd.ts';

jest.setTimeout(60_000);
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

describe.each(['ssh2', 'openssh'] as const)('through jump hosts over %s', (transport) => {
  test('a command runs on the host behind two of them', async () => {
    const before = [gate, inner].map((server) => server.count(/Accepted publickey/));
    const host = bench.host(target, { transport, bastions: [hop(gate), hop(inner)] });
    const connection = await createConnector().connect(host);
    const { stdout } = await connection.run({ script });
    expect(stdout.trim().endsWith(` ${target.port}`)).toBe(true);
    expect([gate, inner].map((server) => server.count(/Accepted publickey/))).toEqual(before.map((count) => count + 1));
    await connection.close();
    await until(() => gate.connections().length + inner.connections().length === 0, 'the end of all connections');
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
    expect(closed.count(/Accepted publickey/)).toBe(1);
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
    const before = gate.count(/Accepted publickey/);
    const box = { ...host, sshAddress: 'box', ssh: { ...host.ssh, ...defaults } };
    const connection = await connector.connect(box);
    expect((await connection.run({ script, become: false })).stdout.trim().endsWith(` ${target.port}`)).toBe(true);
    expect(gate.count(/Accepted publickey/)).toBe(before + 1);
    await connection.close();
    const nowhere = { ...box, ssh: { ...box.ssh, port: inner.port } };
    const explicit = await connector.connect(nowhere);
    expect((await explicit.run({ script, become: false })).stdout.trim().endsWith(` ${inner.port}`)).toBe(true);
    await explicit.close();
  });
});

test('hosts behind the same jump host share one connection to it, until the last one closes', async () => {
  const connector = createConnector();
  const before = gate.count(/Accepted publickey/);
  const host = bench.host(target, { bastions: [hop(gate)] });
  const connections = await Promise.all(Array.from({ length: 6 }, () => connector.connect(host)));
  expect(gate.count(/Accepted publickey/) - before).toBe(1);
  const [last, ...others] = connections;
  await Promise.all(others.map((connection) => connection.close()));
  expect((await last!.run({ script: 'echo still' })).stdout).toBe('still\n');
  await last!.close();
  await until(() => gate.connections().length === 0, 'the end of the shared connection');
});

test('a jump host that refuses the login is asked once, however many hosts are behind it', async () => {
  const connector = createConnector();
  const before = gate.count(/Connection from/);
  const host = bench.host(target, { bastions: [hop(gate)], keys: [bench.makeKey('stranger')] });
  const first = await caught(connector.connect(host));
  const later = await caught(connector.connect({ ...host, name: 'later' }));
  expect(first).toMatchObject({ code: 'AUTH', host: 'target' });
  expect(later).toMatchObject({ code: 'AUTH', host: 'later' });
  expect(gate.count(/Connection from/) - before).toBe(1);
});

test('when the jump host dies every connection through it ends', async () => {
  const connection = await createConnector().connect(bench.host(target, { bastions: [hop(gate)] }));
  const running = caught(connection.run({ script: 'sleep 20' }));
  await until(() => target.connections().length > 1, 'the command');
  gate.breakConnections();
  expect(await running).toMatchObject({ code: 'CONNECT', sent: true });
  expect(connection.isOpen).toBe(false);
  await connection.close();
});

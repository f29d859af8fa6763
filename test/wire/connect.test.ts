import { jest } from '@jest/globals';
import { createServer } from 'node:net';
import { createConnector } from '../../src/ssh/connector.ts';
import { caught } from './caught.ts';
import { freePort, hostOf } from './hosts.ts';
import { Bench } from './sshd.ts';
import { TEST_MS, until } from './until.ts';

jest.setTimeout(TEST_MS);
const bench = new Bench();
afterAll(() => bench.close());

test('nothing keeps the process alive after close', async () => {
  const server = await bench.serve('quiet');
  const knownHosts = [bench.knownHosts('quiet-known', server)];
  const handles = () => process.getActiveResourcesInfo().filter((name) => /Socket|TCP|Pipe|Process/.test(name));
  // At most as many: what other tests of this process left behind may still be ending.
  const before = handles();
  const isNothingNew = () => {
    const now = handles();
    const countIn = (list: readonly string[], kind: string) => list.filter((name) => name === kind).length;
    return now.every((kind) => countIn(now, kind) <= countIn(before, kind));
  };
  for (const transport of ['ssh2', 'openssh', 'local'] as const) {
    const connection = await createConnector().connect(bench.host(server, { transport, knownHosts }));
    await connection.run({ script: 'true' });
    await connection.close();
  }
  await until(isNothingNew, 'the end of sockets, pipes and processes');
});

test('a server that comes up meanwhile is reached', async () => {
  const port = await freePort();
  const connecting = createConnector().connect(bench.host({ name: 'late', port }, { hostKeys: 'off' }));
  await bench.serve('late', { port });
  const connection = await connecting;
  expect(connection.isOpen).toBe(true);
  await connection.close();
});

test('a server that is no sshd is not taken for one', async () => {
  const server = createServer((socket) => socket.on('error', () => undefined).end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const host = bench.host({ name: 'box', port }, { connectSeconds: 2 });
  expect(await caught(createConnector().connect(host))).toMatchObject({ code: 'CONNECT' });
  server.close();
});

test('a name that does not resolve is RESOLVE, after a few tries', async () => {
  // Two dots: refused by the resolver itself, so that no name server is asked.
  const host = { ...hostOf('box', {}), sshAddress: 'no..name' };
  const error = await caught(createConnector().connect(host));
  expect(error).toMatchObject({ code: 'RESOLVE', host: 'box' });
  expect(error.evidence).toContain('4 attempts');
  const openssh = { ...host, ssh: { ...host.ssh, transport: 'openssh' as const } };
  expect((await caught(createConnector().connect(openssh))).code).toBe('RESOLVE');
});

test('an sshd that lets few log in at once is reached by twenty', async () => {
  const narrow = await bench.serve('narrow', { lines: ['MaxStartups 3:100:3'] });
  const knownHosts = [bench.knownHosts('narrow-known', narrow)];
  const connector = createConnector();
  const host = bench.host(narrow, { knownHosts, connectSeconds: TEST_MS / 2000 });
  const connections = await Promise.all(Array.from({ length: 20 }, () => connector.connect(host)));
  const outputs = await Promise.all(
    connections.map((connection, index) => connection.run({ script: `echo ${index}` })),
  );
  expect(outputs.map(({ stdout }) => Number(stdout))).toEqual(outputs.map((_, index) => index));
  await Promise.all(connections.map((connection) => connection.close()));
});

test('an sshd that allows few sessions still runs many commands at once', async () => {
  const small = await bench.serve('small', { lines: ['MaxSessions 2'] });
  const knownHosts = [bench.knownHosts('small-known', small)];
  const connection = await createConnector().connect(bench.host(small, { knownHosts }));
  const runs = Array.from({ length: 6 }, (_, index) => connection.run({ script: `sleep 0.1; echo ${index}` }));
  expect((await Promise.all(runs)).map(({ stdout }) => Number(stdout))).toEqual([0, 1, 2, 3, 4, 5]);
  await connection.close();
});

import { jest } from '@jest/globals';
import { createServer, type Server, type Socket } from 'node:net';
import { createConnector } from '../../src/ssh/connector.ts';
import { caught } from './caught.ts';
import { Bench, freePort, hostOf, until } from './sshd.ts';

jest.setTimeout(60_000);
const bench = new Bench();
afterAll(() => bench.close());

const servers: Server[] = [];
afterAll(() => servers.forEach((server) => server.close()));

/** A server that does what `greet` does with each connection, and no more. */
async function listen(greet: (socket: Socket) => void): Promise<{ port: number; seen: () => number }> {
  let count = 0;
  const server = createServer((socket) => {
    count += 1;
    socket.on('error', () => undefined);
    greet(socket);
  });
  servers.push(server);
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return { port, seen: () => count };
}

const failing = (port: number, ssh: object = {}) =>
  caught(
    createConnector({ startsPerSecond: 1000 }).connect(
      bench.host({ name: 'box', port }, { connectSeconds: 2, ...ssh }),
    ),
  );

test('a refused connection is tried again until the time is over', async () => {
  const error = await failing(await freePort());
  expect(error).toMatchObject({ code: 'CONNECT', host: 'box' });
  expect(error.message).toContain('connection refused');
  expect(error.evidence.join()).toMatch(/[3-9] attempts/);
});

test('a server that comes up meanwhile is reached', async () => {
  const port = await freePort();
  const connecting = createConnector().connect(
    bench.host({ name: 'late', port }, { hostKeys: 'off', connectSeconds: 20 }),
  );
  await bench.serve('late', { port });
  const connection = await connecting;
  expect(connection.isOpen).toBe(true);
  await connection.close();
});

test('silence instead of a greeting is named', async () => {
  const { port } = await listen(() => undefined);
  const error = await failing(port);
  expect(error.code).toBe('CONNECT');
  expect(error.message).toContain('waited too long for sshd’s greeting');
});

test('silence after the greeting points to the MTU', async () => {
  const { port } = await listen((socket) => socket.write('SSH-2.0-OpenSSH_9.9\r\n'));
  const error = await failing(port);
  expect(error.message).toContain('key exchange');
  expect(error.hint).toContain('MTU');
});

test('connections dropped before the greeting are retried, slower each time', async () => {
  const { port, seen } = await listen((socket) => socket.end('Not allowed at this time\r\n'));
  const error = await failing(port, { connectSeconds: 4 });
  expect(error.message).toContain('before its greeting');
  expect(error.hint).toContain('MaxStartups');
  expect(seen()).toBeGreaterThanOrEqual(2);
  expect(seen()).toBeLessThanOrEqual(4);
});

test('a server that is no sshd is not taken for one', async () => {
  const { port } = await listen((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  expect(await failing(port)).toMatchObject({ code: 'CONNECT' });
});

test('a name that does not resolve is RESOLVE, after a few tries', async () => {
  // Two dots: refused by the resolver itself, so that no name server is asked.
  const host = { ...hostOf('box', { connectSeconds: 10 }), sshAddress: 'no..name' };
  const error = await caught(createConnector().connect(host));
  expect(error).toMatchObject({ code: 'RESOLVE', host: 'box' });
  expect(error.evidence).toContain('4 attempts');
  const openssh = { ...host, ssh: { ...host.ssh, transport: 'openssh' as const } };
  expect((await caught(createConnector().connect(openssh))).code).toBe('RESOLVE');
});

test('an aborted connect ends at once', async () => {
  const { port } = await listen(() => undefined);
  const abort = new AbortController();
  const connecting = createConnector().connect(bench.host({ name: 'box', port }), abort.signal);
  setTimeout(() => abort.abort(), 50);
  expect((await caught(connecting)).code).toBe('INTERRUPTED');
});

test('an sshd that lets few log in at once is reached by twenty', async () => {
  const narrow = await bench.serve('narrow', { lines: ['MaxStartups 3:100:3'] });
  const knownHosts = [bench.knownHosts('narrow-known', narrow)];
  const connector = createConnector();
  const host = bench.host(narrow, { knownHosts, connectSeconds: 40 });
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

test('nothing keeps the process alive after close', async () => {
  const server = await bench.serve('quiet');
  const knownHosts = [bench.knownHosts('quiet-known', server)];
  const handles = () =>
    process
      .getActiveResourcesInfo()
      .filter((name) => /Socket|TCP|Pipe|Process/.test(name))
      .sort();
  const before = handles();
  for (const transport of ['ssh2', 'openssh', 'local'] as const) {
    const connection = await createConnector().connect(bench.host(server, { transport, knownHosts }));
    await connection.run({ script: 'true' });
    await connection.close();
  }
  await until(() => handles().join() === before.join(), 'the end of sockets, pipes and processes');
});

import { jest } from '@jest/globals';
import { createServer, type Server, type Socket } from 'node:net';
import type { ConnectionLost } from '../../src/errors.ts';
import type { SshSettings } from '../../src/model/inventory.ts';
import { createConnector } from '../../src/ssh/connector.ts';
import { dial } from '../../src/ssh/dial.ts';
import { Blackhole } from './blackhole.ts';
import { caught } from './caught.ts';
import { freePort } from './hosts.ts';
import { Bench, type Sshd } from './sshd.ts';
import { SHORT_SECONDS, TEST_MS, until } from './until.ts';

/** What kbin says when nothing comes, or no for an answer. All cases wait for their time at once. */
jest.setTimeout(TEST_MS);
const bench = new Bench();
const servers: Server[] = [];
const accepted: Socket[] = [];
let hole: Blackhole;
let gate: Sshd;
afterAll(() => {
  servers.forEach((server) => server.close());
  accepted.forEach((socket) => socket.destroy());
  hole.close();
  bench.close();
});

/** A server that does what `greet` does with each connection, and no more. */
async function listen(greet: (socket: Socket) => void): Promise<{ port: number; seen: () => number }> {
  let count = 0;
  const server = createServer((socket) => {
    count += 1;
    accepted.push(socket);
    socket.on('error', () => undefined);
    greet(socket);
  });
  servers.push(server);
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return { port, seen: () => count };
}

const failing = (port: number, ssh: Partial<SshSettings> = {}, sshAddress = '127.0.0.1'): Promise<ConnectionLost> => {
  const host = bench.host({ name: 'box', port }, { connectSeconds: SHORT_SECONDS, ...ssh });
  return caught(createConnector({ startsPerSecond: 1000 }).connect({ ...host, sshAddress }));
};

const behindGate = () => ({ bastions: [{ address: '127.0.0.1', port: gate.port, user: bench.user }] });
const greeter = { silent: () => undefined, greets: (socket: Socket) => socket.write('SSH-2.0-OpenSSH_9.9\r\n') };

const CASES = {
  refused: async () => failing(await freePort()),
  off: () => failing(hole.port),
  offByName: () => failing(hole.port, {}, 'localhost'),
  offBehindGate: () => failing(hole.port, behindGate()),
  offOverOpenssh: () => failing(hole.port, { transport: 'openssh' }),
  refusedBehindGate: async () => failing(await freePort(), behindGate()),
  unnamedBehindGate: () => failing(22, behindGate(), 'no..name'),
  noGreeting: async () => failing((await listen(greeter.silent)).port),
  noKeys: async () => failing((await listen(greeter.greets)).port),
} satisfies Record<string, () => Promise<ConnectionLost>>;
const outcomes = new Map<string, ConnectionLost>();

beforeAll(async () => {
  hole = await Blackhole.open();
  gate = await bench.serve('gate');
  bench.knownHosts('known_hosts', gate);
  await Promise.all(Object.entries(CASES).map(async ([name, begin]) => outcomes.set(name, await begin())));
});

const outcomeOf = (name: keyof typeof CASES): ConnectionLost => outcomes.get(name)!;
/** The message, and what earlier attempts met: the last one may have been cut off by the time. */
const saidBy = ({ message, evidence }: ConnectionLost): string => [message, ...evidence].join(' ');

test('a refused connection is tried again until the time is over', () => {
  const error = outcomeOf('refused');
  expect(error).toMatchObject({ code: 'CONNECT', host: 'box' });
  expect(saidBy(error)).toContain('connection refused');
  expect(error.evidence.join()).toMatch(/\b([2-9]|1\d) attempts/);
});

test.each(['off', 'offByName', 'offBehindGate'] as const)(
  'a machine without power is no slow name server: %s',
  (name) => {
    const error = outcomeOf(name);
    expect(error).toMatchObject({ code: 'CONNECT', host: 'box' });
    expect(error.message).toContain('waited too long for the TCP connection');
    expect(error.hint).toContain('Check that the host is up');
  },
);

test('the system’s ssh does not tell how far it came, so kbin does not either', () => {
  const error = outcomeOf('offOverOpenssh');
  expect(error.code).toBe('CONNECT');
  expect(error.message).toContain('ssh does not tell which');
  expect(error.message).not.toContain('TCP stands');
});

test.each([
  ['refusedBehindGate', 'Connection refused'],
  // The jump host asks for the name; its words differ from one libc to another.
  ['unnamedBehindGate', 'Channel open failure'],
] as const)('a jump host that cannot reach the host says why: %s', (name, words) => {
  const error = outcomeOf(name);
  expect(error).toMatchObject({ code: 'CONNECT', host: 'box' });
  const said = saidBy(error);
  expect(said).toContain(`through 127.0.0.1 port ${gate.port}: the jump host cannot reach it`);
  expect(said).toContain(words);
});

test('silence instead of a greeting is named', () => {
  const error = outcomeOf('noGreeting');
  expect(error.code).toBe('CONNECT');
  expect(error.message).toContain('waited too long for sshd’s greeting');
});

test('silence after the greeting points to the MTU', () => {
  const error = outcomeOf('noKeys');
  expect(error.message).toContain('key exchange');
  expect(error.hint).toContain('MTU');
});

test('a name server that does not answer is named', async () => {
  const attempted = { host: 'box', where: 'root@box.example port 22', stage: 'tcp' as const };
  const asked = { address: 'box.example', port: 22, withinMs: 100, lookup: () => undefined };
  await expect(dial(asked, attempted)).rejects.toThrow('waited too long for the name server’s answer');
});

test('connections dropped before the greeting are retried, slower each time', async () => {
  const { port, seen } = await listen((socket) => socket.end('Not allowed at this time\r\n'));
  const error = await failing(port);
  expect(error.message).toContain('before its greeting');
  expect(error.hint).toContain('MaxStartups');
  expect(seen()).toBeGreaterThanOrEqual(2);
  expect(seen()).toBeLessThanOrEqual(5);
});

/** Aborts a connect that would otherwise take all its time; what it waits for then is `isWaiting`. */
async function interrupted(port: number, ssh: Partial<SshSettings>, isWaiting: () => boolean): Promise<void> {
  const abort = new AbortController();
  const host = bench.host({ name: 'box', port }, ssh);
  const connecting = caught(createConnector().connect(host, abort.signal));
  await until(isWaiting, 'the connection');
  const begin = performance.now();
  abort.abort();
  expect((await connecting).code).toBe('INTERRUPTED');
  expect(performance.now() - begin).toBeLessThan((host.ssh.connectSeconds * 1000) / 2);
}

test('an aborted connect ends at once, directly and through a jump host', async () => {
  const { port, seen } = await listen(greeter.silent);
  await interrupted(port, {}, () => seen() === 1);
  await interrupted(port, behindGate(), () => seen() === 2);
});

test('an aborted wait for TCP ends at once, directly and through a jump host', async () => {
  await until(() => hole.callers() === 0, 'the end of all other calls');
  await interrupted(hole.port, {}, () => hole.callers() === 1);
  await gate.rest();
  await interrupted(hole.port, behindGate(), () => hole.callers() === 1);
});

import { afterEach, expect, test } from '@jest/globals';
import { Duplex } from 'node:stream';
import { request, UnansweredError, type HttpRequest } from '../../../src/engine/http.ts';
import { reasonOf } from '../../../src/engine/httpReasons.ts';
import { KbinError } from '../../../src/errors.ts';
import type { Connection } from '../../../src/model/ports.ts';
import { Secret } from '../../../src/model/secret.ts';
import { makeCertificates, type Pair } from './probes/certificates.ts';
import { World } from './probes/world.ts';

const certificates = makeCertificates();
let world = new World(certificates);
afterEach(async () => {
  await world.close();
  world = new World(certificates);
});

const tlsAs = (client?: Pair, changed: { ca?: string; serverName?: string } = {}): NonNullable<HttpRequest['tls']> => ({
  ca: certificates.ca.cert,
  ...(client === undefined ? {} : { cert: client.cert, key: new Secret(client.key) }),
  serverName: '127.0.0.1',
  ...changed,
});

async function ask(changed: Partial<HttpRequest> = {}): ReturnType<typeof request> {
  const connection = await world.fleet.connection('cp-1');
  const target = { connection, address: '127.0.0.1', port: 2379, tls: tlsAs(certificates.admin) };
  return request({ ...target, path: '/health', timeoutSeconds: 5, ...changed });
}

const failure = async (changed: Partial<HttpRequest> = {}): Promise<UnansweredError> => {
  const error = await ask(changed).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(UnansweredError);
  return error as UnansweredError;
};

const withoutTls = async (changed: Partial<HttpRequest> = {}): ReturnType<typeof request> => {
  const connection = await world.fleet.connection('cp-1');
  return request({ connection, address: '127.0.0.1', port: 10248, path: '/healthz', timeoutSeconds: 5, ...changed });
};

test('asks with the client certificate and gives status, headers and body of any answer', async () => {
  await world.listen('cp-1', 2379, ({ client, method, path, body, headers }) => ({
    status: 429,
    headers: { 'X-Kind': 'test' },
    body: { client, method, path, body, type: headers['content-type'] ?? '' },
  }));
  const answer = await ask({
    method: 'POST',
    path: '/v3/x',
    headers: { 'content-type': 'application/json' },
    body: '{"a":1}',
  });
  expect(answer.status).toBe(429);
  expect(answer.headers['x-kind']).toBe('test');
  expect(JSON.parse(answer.body)).toEqual({
    client: 'admin',
    method: 'POST',
    path: '/v3/x',
    body: { a: 1 },
    type: 'application/json',
  });
});

test('asks plain HTTP where there is no TLS', async () => {
  await world.listen('cp-1', 10248, () => ({ body: 'ok' }), { tls: false });
  expect((await withoutTls()).body).toBe('ok');
});

test('keeps the stream for the next requests of the same identity', async () => {
  await world.listen('cp-1', 2379, () => ({ body: 'ok' }));
  await world.listen('cp-1', 10248, () => ({ body: 'ok' }), { tls: false });
  for (let poll = 0; poll < 20; poll += 1) {
    await ask();
    await withoutTls();
  }
  expect(world.opened).toEqual(['cp-1 2379', 'cp-1 10248']);
});

test('does not use the stream of another identity', async () => {
  await world.listen('cp-1', 2379, ({ client }) => ({ body: client }));
  const clients = [];
  for (const client of [certificates.admin, certificates.superAdmin, undefined, certificates.admin]) {
    clients.push((await ask({ tls: tlsAs(client) })).body);
  }
  expect(clients).toEqual(['admin', 'super-admin', '', 'admin']);
  expect(world.opened).toHaveLength(3);
});

test('opens a new stream when the server has closed the kept one', async () => {
  await world.listen('cp-1', 2379, () => ({ body: 'ok' }));
  await ask();
  world.dropConnections();
  expect((await ask()).body).toBe('ok');
  expect(world.opened).toHaveLength(2);
});

test('asks once more when the server closes the kept stream under the request, but never repeats a POST', async () => {
  let asked = 0;
  await world.listen('cp-1', 2379, () => {
    asked += 1;
    return asked === 2 || asked === 5 ? 'drop' : { body: String(asked) };
  });
  await ask();
  expect((await ask()).body).toBe('3');
  await ask();
  const error = await failure({ method: 'POST' });
  expect(error.reason).toBe('connection closed without an answer');
  expect(asked).toBe(5);
});

test('does not repeat on a fresh stream', async () => {
  let asked = 0;
  await world.listen('cp-1', 2379, () => {
    asked += 1;
    return 'drop';
  });
  expect((await failure()).reason).toBe('connection closed without an answer');
  expect(asked).toBe(1);
});

test('says what was asked, from where, and that nothing listens', async () => {
  const error = await failure();
  expect(error.message).toBe('GET https://127.0.0.1:2379/health from cp-1: connection refused');
  expect(error).toMatchObject({ code: 'CONNECT', reason: 'connection refused', port: 2379, host: 'cp-1' });
});

test.each<[string, () => void | Promise<void>]>([
  ['a port that never answers', () => world.hang('cp-1', 2379)],
  ['a server that never answers', () => world.listen('cp-1', 2379, () => 'hang')],
])('gives up on %s when the time is over, and destroys the stream', async (_, prepare) => {
  await prepare();
  const error = await failure({ timeoutSeconds: 0.15 });
  expect(error).toMatchObject({ code: 'TIMEOUT', reason: 'no answer within 0.15 s' });
  expect(world.channels.every((channel) => channel.destroyed)).toBe(true);
});

test('gives up on a stream that is never opened', async () => {
  const connection = { ...(await world.fleet.connection('cp-1')), tunnel: () => new Promise<never>(() => undefined) };
  expect((await failure({ connection, timeoutSeconds: 0.05 })).code).toBe('TIMEOUT');
});

test.each([
  ['its certificate is of another authority', tlsAs(certificates.admin, { ca: certificates.otherCa.cert })],
  ['its certificate is for other names', tlsAs(certificates.admin, { serverName: 'etcd-9' })],
  ['it wants a client certificate', tlsAs()],
])('tells "%s"', async (reason, tls) => {
  await world.listen('cp-1', 2379, () => ({}), { tls: { isClientVerified: true } });
  expect((await failure({ tls })).reason).toBe(reason);
});

test('tells what an alert means', () => {
  const alert = Object.assign(new Error('SSL routines'), { code: 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA' });
  expect(reasonOf(new Error('no stream', { cause: alert }))).toBe('it does not trust our certificate');
  expect(reasonOf(new Error('The connection broke.\nelse'))).toBe('The connection broke');
  expect(reasonOf('text')).toBe('text');
});

test.each([
  [1, 'open failed', 'sshd forbids forwarding (AllowTcpForwarding)'],
  [2, '(SSH) Channel open failure: Connection refused', 'connection refused'],
  [2, '(SSH) Channel open failure: No route to host', 'no route to host'],
])('tells why sshd opened no stream: reason %i, %s', (reason, message, words) => {
  const cause = Object.assign(new Error(message), { reason });
  expect(reasonOf(new KbinError('CONNECT', 'nothing answers', { cause }))).toBe(words);
});

test('verifies the name that it was told, not the address it dialed', async () => {
  await world.listen('cp-1', 2379, () => ({ body: 'ok' }));
  const answer = await ask({ tls: tlsAs(certificates.admin, { serverName: 'kubernetes' }) });
  expect(answer.status).toBe(200);
});

test('tells a server that does not speak TLS, and one that does not speak HTTP', async () => {
  await world.listenRaw('cp-1', 2379, 'SSH-2.0-OpenSSH\r\n'.repeat(20));
  await world.listenRaw('cp-1', 10248, 'SSH-2.0-OpenSSH\r\n');
  expect((await failure()).reason).toBe('it does not speak TLS');
  await expect(withoutTls()).rejects.toMatchObject({ reason: 'it does not speak HTTP' });
});

test('refuses an endless answer', async () => {
  await world.listen('cp-1', 10248, () => ({ body: 'x'.repeat(17 * 1024 * 1024) }), { tls: false });
  await expect(withoutTls()).rejects.toMatchObject({ reason: 'its answer is longer than 16777216 bytes' });
});

test('closes the underlying stream of TLS when the server goes', async () => {
  await world.listen('cp-1', 2379, () => ({ body: 'ok' }));
  await ask();
  const [channel] = world.channels;
  const closed = new Promise((resolve) => channel?.once('close', resolve));
  world.dropConnections();
  await closed;
  expect(channel?.destroyed).toBe(true);
});

test('never shows a key', async () => {
  const error = await failure();
  expect(JSON.stringify(error) + error.message + String(error.stack)).not.toContain('PRIVATE KEY');
});

test.each([
  ['TLS', true],
  ['plain HTTP', false],
])('a stream that breaks with an error under %s is an answer that says why', async (_, isTls) => {
  // As the OpenSSH client does it: the stream is there at once, that nothing listens shows a moment later.
  const { promise, connection } = breaking(await world.fleet.connection('cp-1'));
  const asked = isTls ? ask({ connection }) : withoutTls({ connection });
  await expect(asked).rejects.toMatchObject({ code: 'CONNECT', reason: 'connection refused' });
  await promise;
});

function breaking(connection: Connection): { promise: Promise<unknown>; connection: Connection } {
  const stream = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
  const promise = new Promise((resolve) => stream.on('error', () => undefined).once('close', resolve));
  const cause = Object.assign(new Error('connect failed'), { code: 'ECONNREFUSED' });
  return {
    promise,
    connection: {
      ...connection,
      tunnel: async () => {
        setTimeout(() => stream.destroy(new KbinError('CONNECT', 'nothing answers', { cause })), 5);
        return stream;
      },
    },
  };
}

import https from 'node:https';
import type net from 'node:net';
import type { ServerHttp2Stream } from 'node:http2';
import { pipeline } from 'node:stream/promises';
import { afterEach, expect, test } from '@jest/globals';
import { serverStream, type GrpcCall } from '../../../src/etcd/grpc.ts';
import { framed } from '../../../src/etcd/grpcMessages.ts';
import { snapshotStream } from '../../../src/etcd/snapshotStream.ts';
import { until } from '../../wire/until.ts';
import { makeCertificates } from '../engine/probes/certificates.ts';
import { connected } from '../engine/probes/channel.ts';
import { GrpcServer, type Answer } from './grpcServer.ts';
import { nowhere } from './proving.ts';

const certificates = makeCertificates();
const servers: GrpcServer[] = [];
afterEach(() => Promise.all(servers.splice(0).map((server) => server.close())));

async function serve(answer: Answer): Promise<GrpcServer> {
  const server = await new GrpcServer(certificates, answer).start();
  servers.push(server);
  return server;
}

const HEADERS = { ':status': 200, 'content-type': 'application/grpc' };

/** Sends these messages, then trailers with this status; without one it only sends. */
function say(stream: ServerHttp2Stream, messages: string[], trailers?: Record<string, string>): void {
  stream.respond(HEADERS, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers ?? {}));
  for (const message of messages) stream.write(framed(Buffer.from(message)));
  if (trailers !== undefined) stream.end();
}
const OK = { 'grpc-status': '0' };

const callOf = (target: GrpcCall<string>['target'], changed: Partial<GrpcCall<string>> = {}): GrpcCall<string> => ({
  target,
  path: '/test.Test/Stream',
  request: Buffer.from('please'),
  decode: (message) => message.toString(),
  silenceSeconds: 20,
  ...changed,
});

async function all(call: GrpcCall<string>): Promise<string[]> {
  const messages: string[] = [];
  for await (const message of serverStream(call)) messages.push(message);
  return messages;
}

const failure = (call: GrpcCall<string>): Promise<unknown> =>
  all(call).then(
    (messages) => Promise.reject(new Error(`no failure but ${messages.length} messages`)),
    (error: unknown) => error,
  );

test('asks with the client certificate, and gives every message of the answer', async () => {
  let seen: unknown;
  const server = await serve((stream, asked) => {
    seen = asked;
    say(stream, ['one', '', 'three'.repeat(50_000)], OK);
  });
  expect(await all(callOf(server.target()))).toEqual(['one', '', 'three'.repeat(50_000)]);
  expect(seen).toEqual({ path: '/test.Test/Stream', client: 'admin', body: framed(Buffer.from('please')) });
});

test.each<[string, Answer]>([
  [
    'in the trailers',
    (stream) => say(stream, ['one'], { 'grpc-status': '14', 'grpc-message': 'etcdserver: no%20leader%1b[2J' }),
  ],
  [
    'in the headers',
    (stream) =>
      stream.respond(
        { ...HEADERS, 'grpc-status': '14', 'grpc-message': 'etcdserver: no%20leader' },
        { endStream: true },
      ),
  ],
])('a status %s is the error, by its code', async (_, answer) => {
  const server = await serve(answer);
  expect(await failure(callOf(server.target()))).toMatchObject({
    ...{ code: 'STEP', grpcCode: 14, host: 'cp-1' },
    message: 'etcd on cp-1 refused /test.Test/Stream: UNAVAILABLE etcdserver: no leader',
  });
});

test('a status within a message is the error, not that the message is cut', async () => {
  const server = await serve((stream) => {
    stream.respond(HEADERS, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '8', 'grpc-message': '%zz' }));
    stream.end(framed(Buffer.from('message')).subarray(0, 8));
  });
  expect(await failure(callOf(server.target()))).toMatchObject({ grpcCode: 8 });
});

test.each<[string, string, Answer]>([
  ['an end without a status', 'the stream ended before it was complete', (stream) => say(stream, ['one'], {})],
  [
    'an end within a message',
    'the stream ended within a message',
    (stream) => {
      stream.respond(HEADERS, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers(OK));
      stream.end(framed(Buffer.from('message')).subarray(0, 8));
    },
  ],
  [
    'a compressed message',
    'a message is compressed, which nobody asked for',
    (stream) => {
      stream.respond(HEADERS);
      stream.write(Buffer.from([1, 0, 0, 0, 1, 0]));
    },
  ],
])('%s is no answer', async (_, reason, answer) => {
  const server = await serve(answer);
  expect(await failure(callOf(server.target()))).toMatchObject({ code: 'CONNECT', reason, host: 'cp-1' });
});

test('a stream that is reset, and a connection that is cut, break it', async () => {
  const server = await serve((stream, { path }) => {
    say(stream, ['one']);
    if (path === '/cut') server.drop();
    else stream.close(2);
  });
  for (const path of ['/reset', '/cut']) {
    expect(await failure(callOf(server.target(), { path }))).toMatchObject({ code: 'CONNECT', host: 'cp-1' });
  }
});

test('an answer of another program tells its status', async () => {
  const server = await serve((stream) => stream.respond({ ':status': 404 }, { endStream: true }));
  const error = await failure(callOf(server.target()));
  expect(error).toMatchObject({ code: 'STEP', message: expect.stringContaining('with 404') });
});

test('a server without HTTP/2 is told apart', async () => {
  const plain = https.createServer(certificates.server);
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
  const server = await serve(() => undefined);
  const target = server.target();
  const tunnel = () => connected((plain.address() as net.AddressInfo).port);
  const error = await failure(callOf({ ...target, connection: { ...target.connection, tunnel } }));
  expect(error).toMatchObject({ code: 'CONNECT', host: 'cp-1' });
  await new Promise((resolve) => plain.close(resolve));
});

test('a certificate of another authority, and nobody who listens', async () => {
  const server = await serve((stream) => say(stream, [], OK));
  const target = server.target();
  const tls = { ...target.tls!, ca: certificates.otherCa.cert };
  expect(await failure(callOf({ ...target, tls }))).toMatchObject({
    reason: 'its certificate is of another authority',
  });
  expect(await failure(callOf(server.target('refuse')))).toMatchObject({
    code: 'CONNECT',
    reason: 'connection refused',
  });
});

const PHASES = ['never', 'hang', 'open'] as const;

test.each(PHASES)('silence has a limit: a tunnel that is "%s"', async (kind) => {
  const server = await serve((stream) => say(stream, ['one']));
  const error = await failure(callOf(server.target(kind), { silenceSeconds: 0.2 }));
  expect(error).toMatchObject({ code: 'TIMEOUT', reason: 'nothing came for 0.2 s' });
  await until(() => server.channels.every((channel) => channel.destroyed), 'the end of the streams');
});

test.each(PHASES)('a signal ends it: a tunnel that is "%s"', async (kind) => {
  const controller = new AbortController();
  const server = await serve((stream) => {
    say(stream, ['one']);
    controller.abort();
  });
  const failed = failure(callOf(server.target(kind), { signal: controller.signal }));
  if (kind !== 'open') setImmediate(() => controller.abort());
  expect(await failed).toMatchObject({ code: 'INTERRUPTED' });
  expect(await failure(callOf(server.target(), { signal: AbortSignal.abort() }))).toMatchObject({
    code: 'INTERRUPTED',
  });
});

test('a reader that takes its time is not taken for silence', async () => {
  const server = await serve((stream) => say(stream, Array<string>(20).fill('x'.repeat(100_000)), OK));
  const messages: string[] = [];
  for await (const message of serverStream(callOf(server.target(), { silenceSeconds: 0.5 }))) {
    messages.push(message);
    if (messages.length === 1) await new Promise((resolve) => setTimeout(resolve, 700));
  }
  expect(messages).toHaveLength(20);
});

test('leaving the loop ends the call', async () => {
  const server = await serve((stream) => say(stream, ['one']));
  for await (const message of serverStream(callOf(server.target()))) {
    expect(message).toBe('one');
    break;
  }
  await until(() => server.closed > 0, 'the end of the call');
  expect(server.channels[0]?.destroyed).toBe(true);
});

test('a snapshot whose reader gives up while nothing comes ends at once', async () => {
  const server = await serve((stream) => {
    stream.respond(HEADERS);
    stream.write(framed(Buffer.from([0x10, 9, 0x1a, 2, 65, 66])));
  });
  const progress: unknown[] = [];
  const stream = snapshotStream(server.target(), { onProgress: (told) => progress.push(told) });
  const failed = pipeline(stream, nowhere()).catch((error: unknown) => error);
  await new Promise((resolve) => stream.once('data', resolve));
  stream.destroy(new Error('the disk is full'));
  expect(await failed).toMatchObject({ message: 'the disk is full' });
  await until(() => server.closed > 0, 'the end of the call');
  expect(progress).toEqual([{ receivedBytes: 2, totalBytes: 11 }]);
});

import http2 from 'node:http2';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { isNativeError } from 'node:util/types';
import { GRPC } from '../engine/etcdGateway.ts';
import { UnansweredError } from '../engine/http.ts';
import { reasonOf } from '../engine/httpReasons.ts';
import { openStream, type HttpTarget } from '../engine/httpStreams.ts';
import { KbinError } from '../errors.ts';
import { printable } from '../model/plainText.ts';
import { framed, MalformedError, MessageCutter } from './grpcMessages.ts';

/**
 * Bytes that may be under way unread, and the largest frame. HTTP/2's 64 KiB and 16 KiB make a link wait for
 * acknowledgements; more than this only takes memory (docs/decisions/0008).
 */
const WINDOW_BYTES = 1024 * 1024;
const FRAME_BYTES = 256 * 1024;

export interface GrpcCall<T> {
  target: HttpTarget;
  /** `/package.Service/Method`. */
  path: string;
  /** The request's message, encoded. */
  request: Buffer;
  /** Reads one message of the answer; may throw MalformedError. */
  decode: (message: Buffer) => T;
  /** Longest time without a byte while one is waited for; also for the handshakes. */
  silenceSeconds: number;
  signal?: AbortSignal;
}

/** All of a call but what is made of its messages. */
type Call = Omit<GrpcCall<unknown>, 'decode'>;

/** The server ended the stream with a status other than OK. */
export class GrpcError extends KbinError {
  /** One of GRPC. */
  readonly grpcCode: number;

  constructor(host: string, path: string, grpcCode: number, message: string) {
    const name = Object.entries(GRPC).find(([, code]) => code === grpcCode)?.[0] ?? String(grpcCode);
    const words = printable(message, 200);
    super('STEP', `etcd on ${host} refused ${path}: ${name}${words === '' ? '' : ` ${words}`}`, { host });
    this.name = 'GrpcError';
    this.grpcCode = grpcCode;
  }
}

/** One call under way: what ends it, whoever does, is the error of its stream. */
class Exchange {
  readonly #call: Call;
  readonly #socket: Duplex;
  readonly #session: http2.ClientHttp2Session;
  readonly stream: http2.ClientHttp2Stream;
  /** Headers and trailers: a call that fails at once has its status in the headers. */
  readonly said: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader = {};

  constructor(call: Call, socket: Duplex) {
    [this.#call, this.#socket] = [call, socket];
    const { address, port, tls } = call.target;
    const authority = `${tls === undefined ? 'http' : 'https'}://${address.includes(':') ? `[${address}]` : address}:${port}`;
    this.#session = http2.connect(authority, {
      createConnection: (): Duplex => socket,
      settings: { enablePush: false, initialWindowSize: WINDOW_BYTES, maxFrameSize: FRAME_BYTES },
    });
    this.#session.on('error', (error: Error) => this.end(error));
    this.#session.once('connect', () => {
      if (socket instanceof TLSSocket && socket.alpnProtocol !== 'h2')
        this.end(new MalformedError('it does not speak HTTP/2'));
      else this.#session.setLocalWindowSize(WINDOW_BYTES);
    });
    this.stream = this.#session.request({
      ':method': 'POST',
      ':path': call.path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const note = (headers: http2.IncomingHttpHeaders): void => void Object.assign(this.said, headers);
    this.stream.on('response', note);
    this.stream.on('trailers', note);
    // Whoever reads it is told; between two reads nobody is.
    this.stream.on('error', () => undefined);
    this.stream.end(framed(call.request));
  }

  end(error?: Error): void {
    this.stream.destroy(error);
    this.#session.destroy();
    // A session whose handshake is not over leaves it open.
    this.#socket.destroy();
  }

  /** Throws when the call did not end with success. */
  assertOk(): void {
    const { target, path } = this.#call;
    const { host } = target.connection;
    const status = this.said[':status'] ?? 0;
    if (status !== 0 && status !== 200) {
      throw new KbinError('STEP', `what answers for etcd on ${host} answers ${path} with ${status}`, { host });
    }
    const code = this.said['grpc-status'];
    if (code === undefined) throw unanswered(this.#call, { reason: 'the stream ended before it was complete' });
    if (Number(code) === GRPC.OK) return;
    throw new GrpcError(host, path, Number(code), decoded([this.said['grpc-message']].join('')));
  }
}

/** gRPC over HTTP/2 percent-encodes it. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const unanswered = (call: Call, failure: ConstructorParameters<typeof UnansweredError>[2]): UnansweredError =>
  new UnansweredError(`gRPC ${call.path}`, call.target, failure);

/** What broke the stream, as a KbinError; anything else as it is. */
function faultOf(call: Call, error: unknown): unknown {
  if (error instanceof KbinError) return error;
  const isOfStream = error instanceof MalformedError || (isNativeError(error) && 'code' in error);
  return isOfStream ? unanswered(call, { reason: reasonOf(error), cause: error }) : error;
}

/** Calls `onSilence` when `work` takes longer than the limit, and waits for it all the same: it must then fail. */
async function limited<T>(call: Call, work: Promise<T>, onSilence: (error: Error) => void): Promise<T> {
  const reason = `nothing came for ${call.silenceSeconds} s`;
  const timer = setTimeout(() => onSilence(unanswered(call, { reason, isTimeout: true })), call.silenceSeconds * 1000);
  return work.finally(() => clearTimeout(timer));
}

async function open(call: Call): Promise<Duplex> {
  const opening = openStream(call.target, 'h2').catch((error: unknown) => {
    throw unanswered(call, { reason: reasonOf(error), cause: error });
  });
  let giveUp: (error: Error) => void = () => undefined;
  const givenUp = new Promise<never>((_, reject) => (giveUp = reject));
  const abort = (): void => giveUp(interrupted(call));
  call.signal?.addEventListener('abort', abort);
  try {
    return await limited(call, Promise.race([opening, givenUp]), giveUp);
  } catch (error) {
    // It may be opened later, when nobody waits for it any more.
    opening.then((late) => late.destroy()).catch(() => undefined);
    throw error;
  } finally {
    call.signal?.removeEventListener('abort', abort);
  }
}

const isAborted = ({ signal }: Call): boolean => signal?.aborted === true;

const interrupted = ({ path, target }: Call): KbinError =>
  new KbinError('INTERRUPTED', `interrupted: ${path} from ${target.connection.host} was given up`);

/**
 * What a server streams in answer to one request, message by message: nothing more is taken from the connection than is
 * asked for. Leaving the loop ends the call.
 *
 * @throws UnansweredError (CONNECT, TIMEOUT) when the stream breaks, is silent for too long, or ends without a status;
 * GrpcError (STEP) with the server's status; INTERRUPTED when the signal is aborted.
 */
export async function* serverStream<T>(call: GrpcCall<T>): AsyncGenerator<T> {
  if (isAborted(call)) throw interrupted(call);
  let exchange: Exchange | undefined;
  const abort = (): void => exchange?.end(interrupted(call));
  call.signal?.addEventListener('abort', abort);
  try {
    exchange = new Exchange(call, await open(call));
    // It may have been aborted in the meantime.
    call.signal?.throwIfAborted();
    for await (const message of messagesOf(call, exchange)) yield call.decode(message);
  } catch (error) {
    throw isAborted(call) ? interrupted(call) : faultOf(call, error);
  } finally {
    call.signal?.removeEventListener('abort', abort);
    exchange?.end();
  }
}

async function* messagesOf(call: Call, exchange: Exchange): AsyncGenerator<Buffer> {
  const cutter = new MessageCutter();
  const chunks = exchange.stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  for (;;) {
    const next = await limited(call, chunks.next(), (error) => exchange.end(error));
    if (next.done === true) break;
    yield* cutter.take(next.value);
  }
  // First, because it tells why a message may not have come to its end.
  exchange.assertOk();
  if (!cutter.isWhole) throw unanswered(call, { reason: 'the stream ended within a message' });
}

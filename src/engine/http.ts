import http from 'node:http';
import { KbinError } from '../errors.ts';
import { reasonOf } from './httpReasons.ts';
import { agentOf, type HttpTarget } from './httpStreams.ts';

/** Longest body that is read: a page of 250 Nodes with their images is about 4 MB. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

export interface HttpRequest extends HttpTarget {
  /** Default GET. */
  method?: string;
  path: string;
  headers?: Record<string, string>;
  body?: string;
  /** Asking twice does no harm. Default: every method but POST (RFC 9110 9.2.2). */
  isRepeatable?: boolean;
  /** For all of it: opening the stream, the handshake, the answer with its body. */
  timeoutSeconds: number;
}

export interface HttpResponse {
  status: number;
  /** Names in lower case. */
  headers: Record<string, string>;
  body: string;
}

interface Failure {
  /** Short, for one line beside the host's name, such as `connection refused`. */
  reason: string;
  cause?: unknown;
  isTimeout?: boolean;
  /** The stream broke before the first byte of an answer. */
  isBeforeAnswer?: boolean;
}

/** No answer came: nothing listens, the handshake failed, time ran out, what came was not HTTP. */
export class UnansweredError extends KbinError {
  readonly reason: string;
  readonly port: number;
  readonly isBeforeAnswer: boolean;

  constructor(asked: string, target: HttpTarget, failure: Failure) {
    const host = target.connection.host;
    const code = failure.isTimeout === true ? 'TIMEOUT' : 'CONNECT';
    super(code, `${asked} from ${host}: ${failure.reason}`, { host, cause: failure.cause });
    this.name = 'UnansweredError';
    this.reason = failure.reason;
    this.port = target.port;
    this.isBeforeAnswer = failure.isBeforeAnswer === true;
  }
}

function collectBody(incoming: http.IncomingMessage, fail: (failure: Failure) => void): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    incoming.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) fail({ reason: `its answer is longer than ${MAX_BODY_BYTES} bytes` });
      else chunks.push(chunk);
    });
    incoming.on('error', (error) => fail({ reason: reasonOf(error), cause: error }));
    incoming.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
  });
}

interface Exchange {
  response: Promise<HttpResponse>;
  /** True when the request went out on a kept stream, which the server may have closed in the meantime. */
  isOnKeptStream: () => boolean;
}

function exchange(input: HttpRequest, asked: string): Exchange {
  const { address, port, path, headers = {}, method = 'GET', timeoutSeconds } = input;
  const outgoing = http.request({ agent: agentOf(input), host: address, port, method, path, headers });
  const response = new Promise<HttpResponse>((resolve, reject) => {
    const timer = setTimeout(
      () => fail({ reason: `no answer within ${timeoutSeconds} s`, isTimeout: true }),
      timeoutSeconds * 1000,
    );
    const fail = (failure: Failure): void => {
      clearTimeout(timer);
      reject(new UnansweredError(asked, input, failure));
      outgoing.destroy();
    };
    let isBeforeAnswer = true;
    outgoing.on('error', (error) => fail({ reason: reasonOf(error), cause: error, isBeforeAnswer }));
    outgoing.on('response', (incoming) => {
      isBeforeAnswer = false;
      void collectBody(incoming, fail).then((body) => {
        clearTimeout(timer);
        const fields = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)] as const);
        resolve({ status: incoming.statusCode ?? 0, headers: Object.fromEntries(fields), body });
      });
    });
    outgoing.end(input.body);
  });
  return { response, isOnKeptStream: () => outgoing.reusedSocket };
}

/**
 * Asks over HTTP or HTTPS through the connection's host, on a stream that is kept for the next request. Any status is
 * an answer.
 *
 * @throws UnansweredError (CONNECT, TIMEOUT) with what was asked, from which host, and why there is no answer.
 */
export async function request(input: HttpRequest): Promise<HttpResponse> {
  const { address, port, path, method = 'GET', isRepeatable = method !== 'POST' } = input;
  const asked = `${method} ${input.tls === undefined ? 'http' : 'https'}://${address}:${port}${path}`;
  const first = exchange(input, asked);
  try {
    return await first.response;
  } catch (error) {
    // A server may close an idle stream just when the next request is on its way.
    const isStale = first.isOnKeptStream() && error instanceof UnansweredError && error.isBeforeAnswer;
    if (!isStale || !isRepeatable) throw error;
    return await exchange(input, asked).response;
  }
}

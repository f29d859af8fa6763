import { connect, isIP, type LookupFunction, type Socket } from 'node:net';
import { type Attempted, timedOut, unreachable, unresolved } from './connectFault.ts';
import { codeOf } from './systemError.ts';

export interface Dialed {
  address: string;
  port: number;
  withinMs: number;
  signal?: AbortSignal | undefined;
  /** Asks the name server; this machine's resolver by default. */
  lookup?: LookupFunction;
}

/** A name with addresses of both families: how long one is tried before the other. Node's 250 ms fails slow links. */
const FAMILY_ATTEMPT_MS = 3_000;

/**
 * A TCP connection without Nagle's delay. Rejects with AttemptFailed: RESOLVE, or CONNECT naming what was waited for.
 * The socket has an error listener: it can break at any time without ending the process.
 */
export function dial({ address, port, withinMs, signal, lookup }: Dialed, attempted: Attempted): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: address,
      port,
      noDelay: true,
      autoSelectFamilyAttemptTimeout: FAMILY_ATTEMPT_MS,
      ...(lookup === undefined ? {} : { lookup }),
    });
    // An address is not looked up, and Node then emits no 'lookup' either.
    let stage: 'name' | 'tcp' = isIP(address) === 0 ? 'name' : 'tcp';
    const fail = (error: Error) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      socket.destroy();
      reject(error);
    };
    const timer = setTimeout(() => fail(timedOut({ ...attempted, stage })), withinMs);
    const abort = () => fail(new Error('aborted'));
    signal?.addEventListener('abort', abort, { once: true });
    socket.on('lookup', () => (stage = 'tcp'));
    socket.on('error', (error) => {
      const isName = 'syscall' in error && error.syscall === 'getaddrinfo';
      // The kernel reports its own timeout of TCP as an error.
      if (codeOf(error) === 'ETIMEDOUT') fail(timedOut({ ...attempted, stage: 'tcp' }));
      else fail(isName ? unresolved(attempted, error) : unreachable({ ...attempted, stage: 'tcp' }, error));
    });
    socket.once('connect', () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      resolve(socket);
    });
  });
}

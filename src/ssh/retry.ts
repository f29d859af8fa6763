import { setTimeout as pause } from 'node:timers/promises';
import { KbinError } from '../errors.ts';

/**
 * When an attempt to connect may be repeated. `few`: a name that does not resolve. `later`: sshd drops connections on
 * purpose (MaxStartups, PerSourcePenalties), and each try prolongs that.
 */
export type Retry = 'never' | 'few' | 'soon' | 'later';

/** One attempt failed; the last one's `fault` is what the caller gets. */
export class AttemptFailed extends Error {
  readonly fault: KbinError;
  readonly retry: Retry;

  constructor(fault: KbinError, retry: Retry) {
    super(fault.message, { cause: fault });
    this.fault = fault;
    this.retry = retry;
  }
}

const BACKOFF: Record<Exclude<Retry, 'never'>, { firstMs: number; mostMs: number; attempts: number }> = {
  few: { firstMs: 300, mostMs: 1_000, attempts: 4 },
  soon: { firstMs: 200, mostMs: 3_000, attempts: Infinity },
  later: { firstMs: 1_000, mostMs: 16_000, attempts: Infinity },
};

/** Less time than this is no attempt: it would end by its time and hide what the one before it saw. */
const LEAST_ATTEMPT_MS = 200;

/** Milliseconds left. The clock starts at the first call, so that waiting for one's turn costs nothing. */
export type Remaining = () => number;

/**
 * Repeats `attempt` with growing, jittered pauses while its failures allow it and `seconds` are not over. Throws the
 * last attempt's KbinError, with the reason of the one before it as evidence where that is another; INTERRUPTED when
 * aborted; and whatever else `attempt` throws at once.
 */
export async function withinBudget<T>(
  seconds: number,
  attempt: (remaining: Remaining) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  let end: number | undefined;
  let earlier: KbinError | undefined;
  const remaining = () => (end ??= performance.now() + seconds * 1000) - performance.now();
  for (let count = 1; ; count += 1) {
    try {
      signal?.throwIfAborted();
      return await attempt(remaining);
    } catch (error) {
      if (signal?.aborted === true) throw interrupted(error);
      if (!(error instanceof AttemptFailed)) throw error;
      const fault = told(error.fault, { count, earlier });
      if (error.retry === 'never') throw fault;
      const { firstMs, mostMs, attempts } = BACKOFF[error.retry];
      const wait = Math.min(mostMs, firstMs * 2 ** (count - 1)) * (0.5 + Math.random());
      if (count >= attempts || wait + LEAST_ATTEMPT_MS >= remaining()) throw fault;
      earlier = error.fault;
      await pause(wait, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
    }
  }
}

const interrupted = (cause: unknown): KbinError =>
  new KbinError('INTERRUPTED', 'Interrupted while connecting.', { cause });

/** The last attempt's fault with what went before it. */
function told(fault: KbinError, { count, earlier }: { count: number; earlier: KbinError | undefined }): KbinError {
  if (earlier === undefined) return fault;
  const { code, message, hint, host, evidence, cause } = fault;
  return new KbinError(code, message, {
    ...(hint === undefined ? {} : { hint }),
    ...(host === undefined ? {} : { host }),
    evidence: [
      ...evidence,
      `${count} attempts`,
      ...(earlier.message === message ? [] : [`before that: ${[earlier.message, ...earlier.evidence].join(' ')}`]),
    ],
    cause,
  });
}

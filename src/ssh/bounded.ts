interface Bounds {
  withinMs: number;
  signal?: AbortSignal | undefined;
  /** The error to reject with when the time is over. */
  late: () => Error;
}

/** What comes of `work`, unless the time is over or the signal aborts first; `work` itself goes on then. */
export async function bounded<T>(work: Promise<T>, { withinMs, signal, late }: Bounds): Promise<T> {
  signal?.throwIfAborted();
  const stop = new AbortController();
  const cut = new Promise<never>((_, reject) => {
    const timer = setTimeout(() => reject(late()), withinMs);
    signal?.addEventListener('abort', () => reject(new Error('aborted')), { signal: stop.signal });
    stop.signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  });
  try {
    return await Promise.race([work, cut]);
  } finally {
    stop.abort();
  }
}

import pLimit from 'p-limit';

export type Settled<T> = { ok: true; value: T } | { ok: false; error: unknown };

/** Runs `work` for every item, at most `atOnce` at a time; failures are results. Keeps the items' order. */
export async function fanOut<I, T>(
  items: readonly I[],
  atOnce: number,
  work: (item: I) => Promise<T>,
): Promise<Settled<T>[]> {
  const limit = pLimit(Math.max(1, atOnce));
  return Promise.all(
    items.map((item) =>
      limit(async (): Promise<Settled<T>> => {
        try {
          return { ok: true, value: await work(item) };
        } catch (error) {
          return { ok: false, error };
        }
      }),
    ),
  );
}

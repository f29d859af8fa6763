import { KbinError } from '../../../src/errors.ts';
import { AttemptFailed, type Retry, withinBudget } from '../../../src/ssh/retry.ts';

const failed = (retry: Retry) => new AttemptFailed(new KbinError('CONNECT', 'refused', { host: 'box' }), retry);

test('an attempt that may be repeated is, until it succeeds', async () => {
  let count = 0;
  const result = withinBudget(10, async () => {
    count += 1;
    if (count < 3) throw failed('soon');
    return count;
  });
  expect(await result).toBe(3);
});

test('a failure that must not be repeated is thrown at once', async () => {
  let count = 0;
  const result = withinBudget(10, async () => {
    count += 1;
    throw failed('never');
  });
  await expect(result).rejects.toMatchObject({ code: 'CONNECT', host: 'box', evidence: [] });
  expect(count).toBe(1);
});

test('other errors pass through', async () => {
  await expect(withinBudget(10, () => Promise.reject(new KbinError('AUTH', 'no')))).rejects.toMatchObject({
    code: 'AUTH',
  });
});

test('the time bounds all attempts together, and starts with the first that begins', async () => {
  const left: number[] = [];
  const begin = performance.now();
  const result = withinBudget(0.7, async (remaining) => {
    left.push(remaining());
    throw failed('soon');
  });
  const error = await result.catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ evidence: [`${left.length} attempts`] });
  // No pause begins that the time does not have room for; what this machine is late by is not counted.
  expect(performance.now() - begin).toBeLessThan(5_000);
  expect(left[0]).toBeGreaterThan(600);
  expect(left.length).toBeGreaterThan(1);
  expect(left.at(-1)).toBeLessThan(left[0]!);
});

test('a last attempt that ends otherwise keeps what the one before it saw', async () => {
  let count = 0;
  const result = withinBudget(10, async () => {
    count += 1;
    if (count === 1)
      throw new AttemptFailed(new KbinError('CONNECT', 'no route', { evidence: ['from the gate'] }), 'soon');
    throw new AttemptFailed(new KbinError('CONNECT', 'waited too long', { host: 'box' }), 'never');
  });
  await expect(result).rejects.toMatchObject({
    message: 'waited too long',
    host: 'box',
    evidence: ['2 attempts', 'before that: no route from the gate'],
  });
});

test('no attempt begins with less time than one needs', async () => {
  // The pause is at least 100 ms long, and by chance up to 300: one of ten would begin again.
  const ten = Array.from({ length: 10 }, () =>
    withinBudget(0.25, async (remaining) => {
      remaining();
      throw failed('soon');
    }),
  );
  for (const result of await Promise.allSettled(ten)) {
    expect(result).toMatchObject({ status: 'rejected', reason: { message: 'refused', evidence: [] } });
  }
});

test('a signal ends the waiting', async () => {
  const abort = new AbortController();
  const result = withinBudget(
    100,
    async () => {
      setTimeout(() => abort.abort(), 1);
      throw failed('later');
    },
    abort.signal,
  );
  await expect(result).rejects.toMatchObject({ code: 'INTERRUPTED' });
});

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
  expect(performance.now() - begin).toBeLessThan(1500);
  expect(left[0]).toBeGreaterThan(650);
  expect(left.length).toBeGreaterThan(1);
  expect(left.at(-1)).toBeLessThan(left[0]!);
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

import { Pace, Slots } from '../../../src/ssh/pace.ts';
import { until } from '../../wire/until.ts';

test('slots are given out up to the limit, then in order as they come back', async () => {
  const slots = new Slots(2);
  const first = await slots.take();
  await slots.take();
  const got: number[] = [];
  const third = slots.take().then(() => got.push(3));
  const fourth = slots.take().then(() => got.push(4));
  expect(slots.taken).toBe(2);
  first();
  first();
  await third;
  expect(got).toEqual([3]);
  const [release] = [await Promise.race([fourth, Promise.resolve('still waiting')])];
  expect(release).toBe('still waiting');
});

test('a lowered limit holds back those that wait', async () => {
  const slots = new Slots(3);
  const taken = [await slots.take(), await slots.take(), await slots.take()];
  let isIn = false;
  const next = slots.take().then(() => (isIn = true));
  slots.lower(1);
  taken[0]!();
  taken[1]!();
  await Promise.resolve();
  expect(isIn).toBe(false);
  taken[2]!();
  await next;
  expect(slots.taken).toBe(1);
});

test('handshakes run at most so many at once, whatever their destination', async () => {
  const pace = new Pace({ atOnce: 3, perSecond: 100 });
  let running = 0;
  let most = 0;
  const ends: (() => void)[] = [];
  const all = Promise.all(
    Array.from({ length: 7 }, (_, index) =>
      pace.start(`host-${index}`, async () => {
        running += 1;
        most = Math.max(most, running);
        await new Promise<void>((end) => ends.push(end));
        running -= 1;
      }),
    ),
  );
  for (let done = 0; done < 7; done += 1) {
    await until(() => ends.length > 0);
    ends.shift()!();
  }
  await all;
  expect(most).toBe(3);
});

test('one sshd gets at most so many starts in any second, others are not held up', async () => {
  const pace = new Pace({ atOnce: 100, perSecond: 4 });
  const begin = performance.now();
  const starts: number[] = [];
  const same = Array.from({ length: 6 }, () =>
    pace.start('one', async () => void starts.push(performance.now() - begin)),
  );
  await pace.start('another', async () => undefined);
  expect(starts.length).toBeLessThanOrEqual(4);
  await Promise.all(same);
  // Timers may be a little early by this clock.
  expect(starts.filter((at) => at < 990).length).toBeLessThanOrEqual(4);
});

test('waiting for a turn ends with the signal', async () => {
  const pace = new Pace({ perSecond: 1 });
  await pace.start('one', async () => undefined);
  const abort = new AbortController();
  const waiting = pace.start('one', async () => undefined, abort.signal);
  abort.abort();
  await expect(waiting).rejects.toThrow();
});

test('a failed handshake gives its slot back', async () => {
  const pace = new Pace({ atOnce: 1 });
  await expect(pace.start('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  await expect(pace.start('b', () => Promise.resolve('yes'))).resolves.toBe('yes');
});

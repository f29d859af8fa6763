import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { expandEntry, expandRanges, MOST_HOSTS } from '../../../src/inventory/ranges.ts';

const textsOf = (text: string): string[] | string => {
  const expansion = expandRanges(text);
  return 'texts' in expansion ? expansion.texts : expansion.message;
};

test.each([
  ['cp-1', ['cp-1']],
  ['cp-[1:3]', ['cp-1', 'cp-2', 'cp-3']],
  ['w-[08:10]', ['w-08', 'w-09', 'w-10']],
  ['w-[8:10]', ['w-8', 'w-9', 'w-10']],
  ['w-[0:1]', ['w-0', 'w-1']],
  ['w-[00:01]', ['w-00', 'w-01']],
  ['r[1:2]-n[05:06].x', ['r1-n05.x', 'r2-n06.x']],
  ['10.0.[1:2].[11:12]', ['10.0.1.11', '10.0.2.12']],
  ['x-[7:7]', ['x-7']],
])('%s stands for %j', (text, texts) => {
  expect(textsOf(text)).toEqual(texts);
});

test('any range gives its numbers in order, as many as it says, padded as it says', () => {
  const range = fc.record({
    first: fc.integer({ min: 0, max: 99999 }),
    count: fc.integer({ min: 1, max: 200 }),
    width: fc.integer({ min: 0, max: 8 }),
    before: fc.stringMatching(/^[a-z]{0,5}$/),
    after: fc.stringMatching(/^[a-z.]{0,5}$/),
  });
  fc.assert(
    fc.property(range, ({ first, count, width, before, after }) => {
      const last = first + count - 1;
      const padded = width >= String(last).length && width > String(first).length;
      const written = (number: number): string => String(number).padStart(padded ? width : 0, '0');
      const texts = textsOf(`${before}[${written(first)}:${written(last)}]${after}`);
      expect(texts).toEqual(Array.from({ length: count }, (_, index) => `${before}${written(first + index)}${after}`));
    }),
  );
});

test('all ranges of an entry advance together, whatever they are', () => {
  const start = fc.integer({ min: 1, max: 50 });
  fc.assert(
    fc.property(start, start, start, fc.integer({ min: 1, max: 100 }), (a, b, c, count) => {
      const range = (from: number): string => `[${from}:${from + count - 1}]`;
      const { hosts, complaints } = expandEntry(
        { name: `n${range(a)}`, address: `10.0.0.${range(b)}`, sshAddress: `s${range(c)}.x` },
        4,
      );
      expect(complaints).toEqual([]);
      expect(hosts).toEqual(
        Array.from({ length: count }, (_, index) => ({
          entry: 4,
          name: `n${a + index}`,
          address: `10.0.0.${b + index}`,
          sshAddress: `s${c + index}.x`,
        })),
      );
    }),
  );
});

test('no range stands for more hosts than Kubernetes takes, and a long one costs nothing', () => {
  expect(textsOf('[1:999999999]')).toContain(`more than ${MOST_HOSTS}`);
  expect(textsOf(`[1:${MOST_HOSTS}]`)).toHaveLength(MOST_HOSTS);
});

import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { didYouMean, distance, nearest } from '../../../src/inventory/suggest.ts';

test.each([
  ['', '', 0],
  ['abc', 'abc', 0],
  ['adress', 'address', 1],
  ['adderss', 'address', 1],
  ['ca', 'abc', 3],
  ['kitten', 'sitting', 3],
  ['', 'abc', 3],
])('from %s to %s it is %d', (a, b, away) => {
  expect(distance(a, b)).toBe(away);
});

test('a distance is the same in both directions, nothing only for the same word, and never longer than a word', () => {
  const word = fc.stringMatching(/^[abc]{0,8}$/);
  fc.assert(
    fc.property(word, word, (a, b) => {
      expect(distance(a, b)).toBe(distance(b, a));
      expect(distance(a, b) === 0).toBe(a === b);
      expect(distance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
    }),
  );
});

test('case and separators do not count, a third of the letters may differ', () => {
  const known = ['podCidr', 'serviceCidr', 'nodePrefix'];
  expect(nearest('pod_cidr', known)).toBe('podCidr');
  expect(nearest('PODCIDR', known)).toBe('podCidr');
  expect(nearest('podCdir', known)).toBe('podCidr');
  expect(nearest('mtu', known)).toBeUndefined();
  expect(nearest('x'.repeat(1000000), known)).toBeUndefined();
});

test('without a near word, all are named, unless there are too many', () => {
  expect(didYouMean('x', ['abc'])).toBe('Write abc.');
  expect(didYouMean('x', ['abc', 'def'])).toBe('Write abc or def.');
  expect(didYouMean('x', ['abc', 'def', 'ghi'])).toBe('Write one of abc, def or ghi.');
  expect(
    didYouMean(
      'none of these',
      Array.from({ length: 21 }, (_, index) => `word-${index}`),
    ),
  ).toContain('reference');
});

import { expect, test } from '@jest/globals';
import { coveredMilliseconds } from '../../../src/ui/spans.ts';
import { counted, rate, seconds, size, someOf } from '../../../src/ui/words.ts';

test.each([
  [seconds(1240), '1.2 s'],
  [seconds(1240, 2), '1.24 s'],
  [seconds(-5), '0.0 s'],
  [size(310_000), '0.3 MB'],
  [size(38_100_000), '38.1 MB'],
  [size(967_200_000), '967 MB'],
  [size(40e9), '40.0 GB'],
  [rate(50e6, 500), '100 MB/s'],
  [rate(50e6, 0), undefined],
  [counted(1, 'host'), '1 host'],
  [counted(0, 'host'), '0 hosts'],
  [someOf(['a', 'b', 'c', 'd']), 'a, b, c, d'],
  [someOf(['a', 'b', 'c', 'd', 'e']), 'a, b, c and 2 more'],
])('%j is %j', (text, expected) => {
  expect(text).toBe(expected);
});

test('time that several spans cover counts once', () => {
  const spans = [
    { start: 0, end: 10 },
    { start: 5, end: 8 },
    { start: 20, end: 25 },
    { start: 24, end: 30 },
  ];
  expect(coveredMilliseconds(spans)).toBe(20);
});

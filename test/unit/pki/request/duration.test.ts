import { goDuration } from '../../../../src/pki/request/duration.ts';

test.each<[string, number | undefined]>([
  ['8760h', 31_536_000_000],
  ['1h30m', 5_400_000],
  ['1.5h', 5_400_000],
  ['.5s', 500],
  ['300ms', 300],
  ['2us', 0.002],
  ['1h1m1s1ms', 3_661_001],
  ['0', 0],
  ['0s', 0],
  ['-5m', -300_000],
  ['+5m', 300_000],
  ['365d', undefined],
  ['1y', undefined],
  ['10', undefined],
  ['h', undefined],
  ['1 h', undefined],
  ['', undefined],
  ['5mh', undefined],
  ['2562048h', undefined],
])('%j is %s ms, as Go reads it', (text, milliseconds) => {
  expect(goDuration(text)).toBe(milliseconds);
});

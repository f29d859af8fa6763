import { bucketsOf, diskLatencies, quantile } from '../../../src/etcd/metrics.ts';

const WAL = 'etcd_disk_wal_fsync_duration_seconds';
const histogram = (name: string, counts: number[]): string =>
  [
    `# HELP ${name} The latency distributions of fsync called by WAL.`,
    `# TYPE ${name} histogram`,
    ...['0.001', '0.002', '0.004', '+Inf'].map((upTo, index) => `${name}_bucket{le="${upTo}"} ${counts[index] ?? 0}`),
    `${name}_sum 0.5`,
    `${name}_count ${counts.at(-1) ?? 0}`,
    // Another histogram whose name only begins the same.
    `${name}_more_bucket{le="0.001"} 99`,
    '',
  ].join('\n');

test('buckets are those of the name, the smallest first', () => {
  const text = histogram(WAL, [1, 2, 3, 4]).split('\n').reverse().join('\n');
  expect(bucketsOf(text, WAL)).toEqual([
    { upTo: 0.001, count: 1 },
    { upTo: 0.002, count: 2 },
    { upTo: 0.004, count: 3 },
    { upTo: Infinity, count: 4 },
  ]);
});

// As Prometheus' histogram_quantile computes them.
test.each<[number[], number, number | undefined]>([
  [[100, 100, 100, 100], 0.5, 0.0005],
  [[0, 100, 100, 100], 0.5, 0.0015],
  [[0, 50, 100, 100], 0.99, 0.00396],
  [[0, 0, 0, 10], 0.99, 0.004],
  [[50, 50, 50, 100], 0.5, 0.001],
  [[0, 0, 0, 0], 0.5, undefined],
  [[], 0.5, undefined],
])('of counts %j the quantile %f is %f', (counts, of, expected) => {
  const found = quantile(bucketsOf(histogram(WAL, counts), WAL), of);
  if (expected === undefined) expect(found).toBeUndefined();
  else expect(found).toBeCloseTo(expected, 10);
});

test('latencies are those since the text before, and absent where nothing happened', () => {
  const before = histogram(WAL, [0, 0, 100, 100]);
  const now = histogram(WAL, [10, 10, 110, 110]);
  expect(diskLatencies(now, before)).toEqual({ walFsync: { p50: 0.0005, p99: expect.closeTo(0.00099, 10) } });
  expect(diskLatencies(now).walFsync?.p50).toBeGreaterThan(0.002);
  expect(diskLatencies('<html>')).toEqual({});
});

import { KbinError } from '../../../src/errors.ts';
import { prune, type PruneReport } from '../../../src/etcd/prune.ts';
import { survey } from '../../../src/etcd/survey.ts';
import type { Keep } from '../../../src/model/snapshot.ts';
import { CLUSTER, filesOf, MemoryTarget, type Taken } from './memoryTarget.ts';

const KEEP: Keep = { last: 2, hourly: 0, daily: 3, weekly: 0, monthly: 0 };
const NOW = Date.parse('2026-11-20T13:30:00Z');
const options = { ...CLUSTER, now: NOW, dryRun: false };

function targetWith(snapshots: readonly Taken[], more: Record<string, string> = {}): MemoryTarget {
  const target = new MemoryTarget();
  for (const [name, bytes] of snapshots.flatMap((snapshot) => filesOf(snapshot).files)) target.files.set(name, bytes);
  for (const [name, text] of Object.entries(more)) target.files.set(name, Buffer.from(text));
  return target;
}

const pruned = async (target: MemoryTarget, more: Partial<typeof options> = {}): Promise<PruneReport> =>
  (await prune([{ target, keep: KEEP }], { ...options, ...more }))[0]!;
const names = ({ files }: MemoryTarget): string[] => [...files.keys()].sort();

const DAYS: Taken[] = [
  { at: '2026-11-20T13:00:00Z', pki: true },
  { at: '2026-11-20T12:00:00Z' },
  { at: '2026-11-20T11:00:00Z', pki: true },
  { at: '2026-11-19T23:00:00Z' },
  { at: '2026-11-19T22:00:00Z', pki: true },
  { at: '2026-11-18T22:00:00Z' },
  { at: '2026-11-17T22:00:00Z' },
];
const LEFT = ['2026-11-20T13:00:00Z', '2026-11-20T12:00:00Z', '2026-11-19T23:00:00Z', '2026-11-18T22:00:00Z'];
const leftFiles = (): string[] =>
  DAYS.filter(({ at }) => LEFT.includes(at))
    .flatMap((taken) => filesOf(taken).files.map(([name]) => name))
    .sort();

test('what no rule keeps goes with all its files, and the report says what and why', async () => {
  const target = targetWith(DAYS);
  const report = await pruned(target);
  expect(names(target)).toEqual(leftFiles());
  expect(report.failure).toBeUndefined();
  expect(report.target).toBe('memory');
  expect(report.snapshots.map(({ name, ...rest }) => [name.slice(5, 21), rest.isKept, rest.isRemoved])).toEqual(
    DAYS.map(({ at }) => [at.replace(/[-:]/g, ''), LEFT.includes(at), !LEFT.includes(at)]),
  );
  expect(report.snapshots[0]).toEqual({
    name: 'prod-20261120T130000Z-77',
    takenAt: Date.parse(DAYS[0]!.at),
    bytes: 14 + filesOf(DAYS[0]!).files[2]![1].length,
    state: 'verified',
    isKept: true,
    reasons: ['last 1', 'daily 2026-11-20', 'the newest that was verified'],
    isRemoved: false,
  });
  expect(report.snapshots[2]!.reasons).toEqual(['no rule keeps it']);
  expect(target.done.at(-1)).toBe('sweep');
});

test('a dry run says the same and does nothing', async () => {
  const target = targetWith(DAYS);
  const dry = await pruned(target, { dryRun: true });
  expect(target.done.filter((operation) => /remove|sweep/.test(operation))).toEqual([]);
  const real = await pruned(target);
  expect(dry.snapshots).toEqual(real.snapshots.map((row) => ({ ...row, isRemoved: false })));
});

/** A manifest tells of nothing that is not there. */
async function expectNoLie(target: MemoryTarget): Promise<void> {
  for (const { name, state } of await survey(target, CLUSTER)) expect([name, state]).not.toEqual([name, 'damaged']);
}

test('interrupted after any step, nothing lies, and the next run ends as if nothing had been', async () => {
  const whole = targetWith(DAYS);
  await pruned(whole);
  const steps = whole.done.length;
  expect(steps).toBeGreaterThan(15);
  for (let failing = 0; failing < steps; failing += 1) {
    const target = targetWith(DAYS);
    let count = 0;
    target.disturb = () => {
      if (count >= failing) throw new KbinError('CONNECT', 'cut off');
      count += 1;
    };
    const report = await pruned(target);
    expect(report.failure).toMatchObject({ code: 'CONNECT' });
    target.disturb = () => undefined;
    await expectNoLie(target);
    const gone = report.snapshots.filter(({ isRemoved }) => isRemoved).map(({ name }) => name);
    expect(names(target).filter((file) => gone.some((name) => file.startsWith(name)))).toEqual([]);
    // A loose file of today is taken for an upload under way, so the next run is tomorrow's.
    const tomorrow = NOW + 24 * 3_600_000;
    await pruned(target, { now: tomorrow });
    const undisturbed = targetWith(DAYS);
    await pruned(undisturbed);
    await pruned(undisturbed, { now: tomorrow });
    expect(names(target)).toEqual(names(undisturbed));
  }
});

test('loose files go when they are a day old', async () => {
  const target = targetWith(DAYS.slice(0, 1), {
    'prod-20261119T132959Z-5.db.zst': 'x',
    'prod-20261119T132959Z-5.pki.age': 'x',
    'prod-20261119T133000Z-6.db.zst': 'x',
    'prod-20301119T133000Z-7.db.zst': 'x',
  });
  const { snapshots } = await pruned(target);
  expect(names(target).filter((name) => name.includes('-77.'))).toHaveLength(3);
  expect(names(target).filter((name) => !name.includes('-77.'))).toEqual([
    'prod-20261119T133000Z-6.db.zst',
    'prod-20301119T133000Z-7.db.zst',
  ]);
  expect(snapshots.find(({ name }) => name.endsWith('-5'))).toMatchObject({
    state: 'loose',
    isKept: false,
    isRemoved: true,
    reasons: ['it has no manifest', 'a day old'],
  });
});

test('files of other clusters and of other people are left alone', async () => {
  const others = {
    'test-20200101T000000Z-1.db': 'x',
    'prod-2-20200101T000000Z-1.db': 'x',
    'prod.txt': 'x',
    'prod-20200101T000000Z-1.db.bak': 'x',
    README: 'x',
  };
  const target = targetWith(DAYS, others);
  await pruned(target);
  expect(names(target)).toEqual([...leftFiles(), ...Object.keys(others)].sort());
});

const OLD = '2026-10-01T00:00:00Z';
const OLD_NAME = 'prod-20261001T000000Z-77';

test.each<[string, Partial<Taken>, Record<string, string>, string, boolean, string]>([
  [
    'of another cluster of this name',
    { manifest: { clusterId: 'b'.repeat(16) } },
    {},
    'foreign',
    true,
    'of another cluster',
  ],
  ['of a later kbin', { manifest: { version: 2 } as never }, {}, 'unknown', true, 'another version of kbin'],
  ['with a damaged manifest', {}, { [`${OLD_NAME}.json`]: '{' }, 'damaged', false, 'its manifest is none'],
  ['with a huge manifest', {}, { [`${OLD_NAME}.json`]: ' '.repeat(70_000) }, 'damaged', false, 'its manifest is none'],
  ['with a short file', {}, { [`${OLD_NAME}.db.zst`]: 'x' }, 'damaged', false, 'has 1 bytes, not 10'],
  ['with another name in it', { manifest: { name: 'prod-1' } }, {}, 'damaged', false, 'that of prod-1'],
  [
    'without its certificates',
    { manifest: { pki: { file: 'x.pki.age', bytes: 1, sha256: 'b'.repeat(64) } } },
    {},
    'damaged',
    false,
    'x.pki.age is missing',
  ],
  [
    'that leads out',
    { manifest: { stored: { file: '../x', bytes: 1, sha256: 'b'.repeat(64), compression: 'none', encrypted: false } } },
    {},
    'damaged',
    false,
    '../x is missing',
  ],
])('a snapshot %s', async (_, change, more, state, isKept, why) => {
  const target = targetWith([...DAYS.slice(0, 2), { at: OLD, ...change }], more);
  const row = (await pruned(target)).snapshots.find(({ name }) => name === OLD_NAME)!;
  expect(row).toMatchObject({ state, isKept, isRemoved: !isKept });
  expect(row.reasons.join()).toContain(why);
  expect(names(target).some((name) => name.startsWith(OLD_NAME))).toBe(isKept);
});

test('damaged ones do not stand for verified ones: the newest verified stays however old', async () => {
  const broken = DAYS.map((taken) => ({ ...taken, manifest: { name: 'prod-1' } }));
  const target = targetWith([...broken, { at: OLD }]);
  const { snapshots } = await pruned(target);
  expect(snapshots.filter(({ isKept }) => !isKept)).toEqual([]);
  expect(target.done.filter((operation) => operation.startsWith('remove'))).toEqual([]);
});

test('a manifest that cannot be read keeps its snapshot', async () => {
  const target = targetWith([...DAYS, { at: OLD }]);
  target.disturb = (operation) => {
    if (operation === `open ${OLD_NAME}.json`) throw new KbinError('STEP', 'input or output error');
  };
  const report = await pruned(target);
  expect(report.failure).toBeUndefined();
  expect(report.snapshots.at(-1)).toMatchObject({
    state: 'unknown',
    isKept: true,
    reasons: ['its manifest cannot be read: input or output error'],
  });
  expect(names(target).filter((name) => name.startsWith(OLD_NAME))).toHaveLength(2);
});

test('a manifest that cannot be read because the way there is cut stops the pruning of the target', async () => {
  const target = targetWith(DAYS);
  target.disturb = (operation) => {
    if (operation.startsWith('open') && operation.includes('20261117')) throw new KbinError('CONNECT', 'cut off');
  };
  const report = await pruned(target);
  expect(report).toMatchObject({ snapshots: [], failure: { code: 'CONNECT' } });
  expect(target.done.filter((operation) => operation.startsWith('remove'))).toEqual([]);
});

test('a target that fails stops none of the others', async () => {
  const [one, other, last] = [targetWith(DAYS), targetWith(DAYS), targetWith(DAYS)];
  one.disturb = () => {
    throw new KbinError('AUTH', 'denied');
  };
  other.disturb = (operation) => {
    if (operation.startsWith('remove') && operation.includes('T11')) throw new KbinError('STEP', 'read-only');
  };
  const reports = await prune(
    [one, other, last].map((target) => ({ target, keep: KEEP })),
    options,
  );
  expect(reports.map(({ failure }) => (failure as KbinError | undefined)?.code)).toEqual(['AUTH', 'STEP', undefined]);
  expect(reports[0]!.snapshots).toEqual([]);
  expect(reports[1]!.snapshots.filter(({ isRemoved }) => isRemoved)).toHaveLength(2);
  expect(names(last)).toEqual(leftFiles());
  await expectNoLie(other);
});

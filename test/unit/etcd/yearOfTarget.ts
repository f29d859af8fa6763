import { KbinError } from '../../../src/errors.ts';
import type { KnownSnapshot } from '../../../src/etcd/keep.ts';
import { prune } from '../../../src/etcd/prune.ts';
import { survey } from '../../../src/etcd/survey.ts';
import type { SnapshotTarget } from '../../../src/etcd/target.ts';
import type { Keep } from '../../../src/model/snapshot.ts';
import { CLUSTER, filesOf } from './memoryTarget.ts';
import { promised, randomNumbers } from './promised.ts';
import { stream } from './targets/contract.ts';

const BEGIN = Date.UTC(2024, 0, 1);
const HOUR = 3_600_000;
const KEEP: Keep = { last: 3, hourly: 24, daily: 7, weekly: 4, monthly: 12 };
const cutOff = new KbinError('CONNECT', 'cut off');

/** The same target, with the operations that `isDown` names failing. */
function unsteady(target: SnapshotTarget, isDown: () => boolean): SnapshotTarget {
  const check = (): void => {
    if (isDown()) throw cutOff;
  };
  return {
    label: target.label,
    list: async () => (check(), target.list()),
    put: async (name, source, bytes) => target.put(name, isDown() ? stream(Buffer.alloc(3), cutOff) : source, bytes),
    open: async (name) => (check(), target.open(name)),
    remove: async (name) => (check(), target.remove(name)),
    sweep: () => target.sweep(),
    close: () => target.close(),
  };
}

interface Year {
  target: SnapshotTarget;
  everyHours: number;
  seed: number;
}

/** What was verified in a year in which one of 25 operations fails; pruned after every snapshot. */
async function liveThrough({ target, everyHours, seed }: Year): Promise<{ taken: KnownSnapshot[]; failures: number }> {
  const random = randomNumbers(seed);
  const taken: KnownSnapshot[] = [];
  let failures = 0;
  const place = unsteady(target, () => random.next().value > 0.96);
  for (let hour = 0; hour < 366 * 24; hour += everyHours) {
    const takenAt = BEGIN + hour * HOUR;
    const at = new Date(takenAt).toISOString();
    try {
      for (const [name, bytes] of filesOf({ at, pki: true }).files) await place.put(name, stream(bytes), bytes.length);
      taken.push({ name: at, takenAt, bytes: 1, isVerified: true });
    } catch (error) {
      if (error !== cutOff) throw error;
      failures += 1;
    }
    const [report] = await prune([{ target: place, keep: KEEP }], { ...CLUSTER, now: takenAt, dryRun: false });
    if (report?.failure !== undefined) failures += 1;
  }
  return { taken, failures };
}

/** Lives through a year with failures strewn in; then exactly the promised snapshots are there, whole, and nothing else. */
export async function expectYear(year: Year): Promise<void> {
  const { taken, failures } = await liveThrough(year);
  expect(failures).toBeGreaterThan(10);
  const now = BEGIN + 368 * 24 * HOUR;
  const [report] = await prune([{ target: year.target, keep: KEEP }], { ...CLUSTER, now, dryRun: false });
  expect(report?.failure).toBeUndefined();
  const found = await survey(year.target, CLUSTER);
  expect(found.map(({ takenAt }) => new Date(takenAt).toISOString()).reverse()).toEqual(promised(taken, KEEP));
  expect(found.filter(({ state }) => state !== 'verified')).toEqual([]);
  expect((await year.target.list()).length).toBe(found.length * 3);
}

import { type KnownSnapshot, whatStays } from '../../../src/etcd/keep.ts';
import type { Keep } from '../../../src/model/snapshot.ts';
import { promised, randomNumbers } from './promised.ts';

/** A leap year that begins on a Monday, so that ISO weeks and months are at odds all along. */
const BEGIN = Date.UTC(2024, 0, 1);
const HOUR = 3_600_000;
const HOURS = 366 * 24;
const KEEP: Keep = { last: 3, hourly: 24, daily: 7, weekly: 4, monthly: 12 };

interface Site {
  /** Everything that was ever taken, the oldest first. */
  taken: KnownSnapshot[];
  /** What is still there. */
  left: KnownSnapshot[];
}

function prune(site: Site, keep: Keep, now: number): void {
  const verdicts = whatStays(site.left, keep, now);
  const kept = new Set(verdicts.flatMap(({ name, isKept }) => (isKept ? [name] : [])));
  site.left = site.left.filter(({ name }) => kept.has(name));
}

/** One snapshot an hour for a year, at some minute of it. One of six is missing, one of eight is not verified. */
function liveThrough({ keep, seed }: { keep: Keep; seed: number }): Site {
  const site: Site = { taken: [], left: [] };
  const random = randomNumbers(seed);
  let isOut = 0;
  for (let hour = 0; hour < HOURS; hour += 1) {
    const [minute, luck, length] = [random.next().value, random.next().value, random.next().value];
    const takenAt = BEGIN + hour * HOUR + Math.floor(minute * 60) * 60_000;
    // Now and then the target cannot be reached for up to ten days.
    if (luck > 0.998) isOut = Math.floor(length * 240);
    isOut -= 1;
    if (isOut < 0 && luck > 1 / 6) {
      const snapshot = { name: new Date(takenAt).toISOString(), takenAt, bytes: 1, isVerified: luck > 7 / 24 };
      site.taken.push(snapshot);
      site.left.push(snapshot);
    }
    prune(site, keep, takenAt);
  }
  return site;
}

const verifiedNames = ({ left }: Site): string[] => left.flatMap(({ name, isVerified }) => (isVerified ? [name] : []));

/** Unverified ones stay for a day, or until one after them is verified. */
function lingering({ taken }: Site, now: number): string[] {
  const newest = taken.findLast(({ isVerified }) => isVerified)?.takenAt ?? 0;
  return taken.flatMap(({ name, isVerified, takenAt }) =>
    !isVerified && (takenAt > newest || now - takenAt <= 24 * HOUR) ? [name] : [],
  );
}

test('a year of hourly snapshots with failures leaves exactly what was promised', () => {
  const site = liveThrough({ keep: KEEP, seed: 1 });
  expect(site.taken.length).toBeGreaterThan(HOURS / 2);
  expect(site.taken.filter(({ isVerified }) => !isVerified).length).toBeGreaterThan(500);
  const expected = promised(site.taken, KEEP);
  expect(expected.length).toBeGreaterThan(35);
  expect(verifiedNames(site)).toEqual(expected);
  const now = site.left.at(-1)!.takenAt;
  expect(site.left.filter(({ isVerified }) => !isVerified).map(({ name }) => name)).toEqual(lingering(site, now));

  // A month in which no snapshot comes, and everything is pruned all the same.
  for (let day = 0; day <= 31; day += 1) prune(site, KEEP, now + day * 24 * HOUR);
  expect(verifiedNames(site)).toEqual(expected);
});

test('a year with an age limit leaves what was promised and is not too old', () => {
  const keep = { ...KEEP, maximumAgeDays: 100 };
  const site = liveThrough({ keep, seed: 2 });
  const oldest = site.taken.at(-1)!.takenAt - 100 * 24 * HOUR;
  expect(verifiedNames(site)).toEqual(promised(site.taken, KEEP).filter((name) => Date.parse(name) >= oldest));
});

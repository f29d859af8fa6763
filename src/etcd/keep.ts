import type { Keep } from '../model/snapshot.ts';
import { DAY_MS, DIVISIONS, type Division } from './periods.ts';

export interface KnownSnapshot {
  name: string;
  /** Milliseconds since the epoch. */
  takenAt: number;
  bytes: number;
  isVerified: boolean;
}

export interface Verdict {
  name: string;
  isKept: boolean;
  /** Why it stays (every rule that keeps it), or why it goes. */
  reasons: string[];
}

type Reasons = Map<KnownSnapshot, string[]>;

const newestFirst = (one: KnownSnapshot, other: KnownSnapshot): number =>
  other.takenAt - one.takenAt || (one.name < other.name ? 1 : -1);

/**
 * Which snapshots stay, the newest first. All rules together: what one keeps stays, unless it is too old or all are too
 * large. Only verified snapshots count, for rules as for sizes; others go once they are a day old and a newer one is
 * verified. The newest verified one always stays. Snapshots from the future (a clock was wrong) are the newest, and
 * beside them stays whatever would stay without them, so that they push nothing out; only a limit of size could, and it
 * leaves the newest verified one that is not from the future as well.
 */
export function whatStays(snapshots: readonly KnownSnapshot[], keep: Keep, now: number): Verdict[] {
  const all = [...snapshots].sort(newestFirst);
  const verified = all.filter(({ isVerified }) => isVerified);
  const past = verified.filter(({ takenAt }) => takenAt <= now);
  const sacred = new Set([verified[0], past[0]].filter((snapshot) => snapshot !== undefined));
  const reasons = promised(verified, keep);
  for (const [snapshot, why] of promised(past, keep)) if (!reasons.has(snapshot)) reasons.set(snapshot, why);
  for (const snapshot of sacred) add(reasons, snapshot, 'the newest that was verified');
  const limits = beyondLimits({ reasons, keep, sacred, now });
  return all.map((snapshot) => {
    const { name } = snapshot;
    if (!snapshot.isVerified) return { name, ...unverified(snapshot, verified[0], now) };
    const limit = limits.get(snapshot);
    if (limit !== undefined) return { name, isKept: false, reasons: [limit] };
    const why = reasons.get(snapshot);
    return { name, isKept: why !== undefined, reasons: why ?? ['no rule keeps it'] };
  });
}

/** Why each snapshot that a rule keeps stays. `verified`: newest first. */
function promised(verified: readonly KnownSnapshot[], keep: Keep): Reasons {
  const reasons: Reasons = new Map();
  verified.slice(0, keep.last).forEach((snapshot, index) => add(reasons, snapshot, `last ${index + 1}`));
  for (const division of DIVISIONS) {
    for (const snapshot of newestOfEach(verified, division, keep[division.rule])) {
      add(reasons, snapshot, `${division.rule} ${division.labelOf(snapshot.takenAt)}`);
    }
  }
  return reasons;
}

/** The newest snapshot of each of the `count` most recent periods that have one. */
function newestOfEach(verified: readonly KnownSnapshot[], { periodOf }: Division, count: number): KnownSnapshot[] {
  const newest = new Map<number, KnownSnapshot>();
  for (const snapshot of verified) {
    const period = periodOf(snapshot.takenAt);
    if (newest.has(period)) continue;
    if (newest.size >= count) break;
    newest.set(period, snapshot);
  }
  return [...newest.values()];
}

interface Limited {
  /** What the rules keep. */
  reasons: Reasons;
  keep: Keep;
  /** What no limit removes. */
  sacred: ReadonlySet<KnownSnapshot>;
  now: number;
}

/** What goes although a rule keeps it, and why: first all that is too old, then the oldest until the rest fits. */
function beyondLimits({ reasons, keep, sacred, now }: Limited): Map<KnownSnapshot, string> {
  const { maximumAgeDays = Infinity, maximumBytes = Infinity } = keep;
  const gone = new Map<KnownSnapshot, string>();
  const oldestFirst = [...reasons.keys()].sort(newestFirst).reverse();
  const mayGo = oldestFirst.filter((snapshot) => !sacred.has(snapshot));
  for (const snapshot of mayGo) {
    if (now - snapshot.takenAt > maximumAgeDays * DAY_MS) gone.set(snapshot, `older than ${maximumAgeDays} days`);
  }
  let total = oldestFirst.reduce((sum, snapshot) => sum + (gone.has(snapshot) ? 0 : snapshot.bytes), 0);
  for (const snapshot of mayGo) {
    if (total <= maximumBytes) break;
    if (gone.has(snapshot)) continue;
    gone.set(snapshot, `the newer ones fill the ${maximumBytes} bytes that all may take`);
    total -= snapshot.bytes;
  }
  return gone;
}

function unverified(
  { takenAt }: KnownSnapshot,
  newest: KnownSnapshot | undefined,
  now: number,
): Pick<Verdict, 'isKept' | 'reasons'> {
  if (newest === undefined || newest.takenAt <= takenAt) {
    return { isKept: true, reasons: ['not verified, but no newer one is'] };
  }
  return now - takenAt <= DAY_MS
    ? { isKept: true, reasons: ['not verified, but not a day old'] }
    : { isKept: false, reasons: ['not verified, and a newer one is'] };
}

function add(reasons: Reasons, snapshot: KnownSnapshot, reason: string): void {
  reasons.set(snapshot, [...(reasons.get(snapshot) ?? []), reason]);
}

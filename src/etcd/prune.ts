import type { Keep } from '../model/snapshot.ts';
import { fanOut } from '../engine/fanOut.ts';
import { type Verdict, whatStays } from './keep.ts';
import { manifestOf } from './names.ts';
import { DAY_MS } from './periods.ts';
import { type FoundSnapshot, survey, type WhoseSnapshots } from './survey.ts';
import type { SnapshotTarget } from './target.ts';

export interface PrunePlace {
  target: SnapshotTarget;
  keep: Keep;
}

export interface PruneOptions extends WhoseSnapshots {
  /** Milliseconds since the epoch. */
  now: number;
  /** Tell what would go, and remove nothing. */
  dryRun: boolean;
}

export interface PrunedSnapshot extends Verdict {
  takenAt: number;
  /** Of all its files. */
  bytes: number;
  state: FoundSnapshot['state'];
  /** True once all of it is gone; never in a dry run. */
  isRemoved: boolean;
}

export interface PruneReport {
  /** The target's label. */
  target: string;
  /** The newest first; empty when the target could not be looked at. */
  snapshots: PrunedSnapshot[];
  /** What stopped the work at this target. What was not removed until then is still there. */
  failure?: unknown;
}

/** Prunes each target by its own rules; a failure at one is told in its report and stops none of the others. */
export async function prune(places: readonly PrunePlace[], options: PruneOptions): Promise<PruneReport[]> {
  const reports = places.map(({ target }): PruneReport => ({ target: target.label, snapshots: [] }));
  const results = await fanOut([...places.entries()], places.length, ([index, place]) =>
    pruneAt(place, options, reports[index] ?? { target: '', snapshots: [] }),
  );
  return reports.map((report, index) => {
    const result = results[index];
    return result?.ok === false ? { ...report, failure: result.error } : report;
  });
}

/** Fills the report as it goes, so that it holds what was done when something fails. */
async function pruneAt({ target, keep }: PrunePlace, options: PruneOptions, report: PruneReport): Promise<void> {
  const found = await survey(target, options);
  const verdicts = new Map(verdictsOf(found, keep, options.now).map((verdict) => [verdict.name, verdict]));
  const rows = found.map((snapshot) => ({ snapshot, row: rowOf(snapshot, verdicts.get(snapshot.name)) }));
  report.snapshots.push(...rows.map(({ row }) => row));
  if (options.dryRun) return;
  // The oldest first: when it is interrupted, what is left is what people expect.
  for (const { snapshot, row } of rows.reverse()) {
    if (row.isKept) continue;
    await removeSnapshot(target, snapshot);
    row.isRemoved = true;
  }
  await target.sweep();
}

/**
 * The manifest first: what is left of an interrupted removal is then a loose file, which the next run removes, and never a
 * manifest that tells of a file that is not there.
 */
async function removeSnapshot(target: SnapshotTarget, { name, files }: FoundSnapshot): Promise<void> {
  const manifest = manifestOf(name);
  if (files.some((file) => file.name === manifest)) await target.remove(manifest);
  for (const file of files) if (file.name !== manifest) await target.remove(file.name);
}

function verdictsOf(found: readonly FoundSnapshot[], keep: Keep, now: number): Verdict[] {
  const counted = found.filter(({ state }) => state === 'verified' || state === 'damaged');
  const known = counted.map((snapshot) => ({
    name: snapshot.name,
    takenAt: snapshot.takenAt,
    bytes: bytesOf(snapshot),
    isVerified: snapshot.state === 'verified',
  }));
  return [
    ...whatStays(known, keep, now),
    ...found.filter((snapshot) => !counted.includes(snapshot)).map((snapshot) => uncounted(snapshot, now)),
  ];
}

/** What no rule is about: uploads under way for a day, and what is not this cluster's or cannot be judged for ever. */
function uncounted({ name, takenAt, state }: FoundSnapshot, now: number): Verdict {
  if (state !== 'loose') return { name, isKept: true, reasons: [] };
  return now - takenAt > DAY_MS
    ? { name, isKept: false, reasons: ['a day old'] }
    : { name, isKept: true, reasons: ['not a day old: it may be under way'] };
}

function rowOf(snapshot: FoundSnapshot, verdict: Verdict | undefined): PrunedSnapshot {
  const { name, takenAt, state, why } = snapshot;
  return {
    name,
    takenAt,
    bytes: bytesOf(snapshot),
    state,
    isKept: verdict?.isKept ?? true,
    reasons: [...(why === undefined ? [] : [why]), ...(verdict?.reasons ?? [])],
    isRemoved: false,
  };
}

const bytesOf = ({ files }: FoundSnapshot): number => files.reduce((sum, { bytes }) => sum + bytes, 0);

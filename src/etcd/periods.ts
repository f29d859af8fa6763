import type { Keep } from '../model/snapshot.ts';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** A division of time in UTC, which knows no summer time: every instant lies in exactly one period of each. */
export interface Division {
  rule: keyof Pick<Keep, 'hourly' | 'daily' | 'weekly' | 'monthly'>;
  /** Number of the period that an instant (ms since the epoch) lies in. */
  periodOf: (at: number) => number;
  /** That period for people, such as 2026-W47. */
  labelOf: (at: number) => string;
}

const iso = (at: number): string => new Date(at).toISOString();
/** ISO 8601 weeks begin on Monday; the epoch was a Thursday. */
const weekOf = (at: number): number => Math.floor((Math.floor(at / DAY_MS) + 3) / 7);

/** An ISO week belongs to the year that its Thursday is in, and week 1 is that of the year's first Thursday. */
function weekLabel(at: number): string {
  const thursday = new Date(weekOf(at) * 7 * DAY_MS);
  const year = thursday.getUTCFullYear();
  const week = 1 + Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * DAY_MS));
  return `${year}-W${String(week).padStart(2, '0')}`;
}

function monthOf(at: number): number {
  const date = new Date(at);
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
}

export const DIVISIONS: readonly Division[] = [
  { rule: 'hourly', periodOf: (at) => Math.floor(at / HOUR_MS), labelOf: (at) => `${iso(at).slice(0, 13)}h` },
  { rule: 'daily', periodOf: (at) => Math.floor(at / DAY_MS), labelOf: (at) => iso(at).slice(0, 10) },
  { rule: 'weekly', periodOf: weekOf, labelOf: weekLabel },
  { rule: 'monthly', periodOf: monthOf, labelOf: (at) => iso(at).slice(0, 7) },
];

import type { KnownSnapshot } from '../../../src/etcd/keep.ts';
import type { Keep } from '../../../src/model/snapshot.ts';

/** The same numbers in every run: what fails once fails always. */
export function* randomNumbers(seed: number): Generator<number, never> {
  for (let state = seed; ;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 32;
  }
}

const weekday = new Intl.DateTimeFormat('en', { weekday: 'short', timeZone: 'UTC' });

/** Monday of the week, as a date: told by the calendar's names of days, not by counting from the epoch. */
function mondayOf(name: string): string {
  const date = new Date(`${name.slice(0, 10)}T12:00:00Z`);
  while (weekday.format(date) !== 'Mon') date.setUTCDate(date.getUTCDate() - 1);
  return date.toISOString().slice(0, 10);
}

/** What was promised, straight from all that was ever taken: the last names of the last groups. */
export function promised(taken: readonly KnownSnapshot[], keep: Keep): string[] {
  const names = taken.flatMap(({ name, isVerified }) => (isVerified ? [name] : []));
  const lastOfLast = (count: number, groupOf: (name: string) => string): string[] => {
    const groups = new Map(names.map((name) => [groupOf(name), name]));
    return [...groups.values()].slice(-count);
  };
  return [
    ...new Set([
      ...names.slice(-keep.last),
      ...lastOfLast(keep.hourly, (name) => name.slice(0, 13)),
      ...lastOfLast(keep.daily, (name) => name.slice(0, 10)),
      ...lastOfLast(keep.weekly, mondayOf),
      ...lastOfLast(keep.monthly, (name) => name.slice(0, 7)),
    ]),
  ].sort();
}

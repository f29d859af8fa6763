import { KbinError } from '../../errors.ts';

const MINUTE = 60_000;
const UNITS = { m: MINUTE, h: 60 * MINUTE, d: 24 * 60 * MINUTE } as const;

/** Milliseconds of `90m`, `8h` or `30d`. Throws USAGE for anything else, and for none at all. */
export function lifetimeOf(text: string, option = '--expires'): number {
  const [, count, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const milliseconds = Number(count ?? 0) * UNITS[(unit ?? 'm') as keyof typeof UNITS];
  if (milliseconds > 0) return milliseconds;
  throw new KbinError('USAGE', `${option} ${JSON.stringify(text)} is no length of time`, {
    hint: 'Write minutes, hours or days, such as 90m, 8h or 30d.',
  });
}

/** Two units at most: `29 d 23 h`, `7 h 59 min`, `12 min`. */
export function lengthOfTime(milliseconds: number): string {
  const minutes = Math.floor(milliseconds / MINUTE);
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24];
  const parts =
    days > 0
      ? [
          [days, 'd'],
          [hours, 'h'],
        ]
      : [
          [hours, 'h'],
          [minutes % 60, 'min'],
        ];
  const shown = parts.filter(([count]) => count !== 0).map(([count, unit]) => `${count} ${unit}`);
  return shown.length === 0 ? 'less than 1 min' : shown.join(' ');
}

/** A moment to the second. */
export const shortTime = (iso: string): string => iso.replace(/\.\d+Z$/, 'Z');

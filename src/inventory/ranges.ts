import { complaint, quoted, type Complaint, type Path } from './fault.ts';

const RANGE = /\[(\d{1,9}):(\d{1,9})\]/g;
/** Nobody has more; and a slip such as [1:1000000] should be answered, not carried out. */
export const MOST_HOSTS = 5000;

/** What a text with ranges stands for: `cp-[1:3]` for three texts; without a range, one. */
export type Expansion = { texts: string[] } | { message: string; fix: string };

interface Range {
  first: number;
  count: number;
  /** Digits when zero padded. */
  width: number;
}

/**
 * Expands all ranges of a text together: `r[1:2]-n[01:02]` is `r1-n01` and `r2-n02`. Zero padding is kept. Says what
 * is wrong with ranges that run backwards, are padded differently at their ends, or differ in length.
 */
export function expandRanges(text: string): Expansion {
  const ranges: Range[] = [];
  for (const [whole, from = '', to = ''] of text.matchAll(RANGE)) {
    const fault = rangeFault(whole, from, to);
    if (fault !== undefined) return fault;
    ranges.push({
      first: Number(from),
      count: Number(to) - Number(from) + 1,
      width: from.startsWith('0') && from.length > 1 ? from.length : 0,
    });
  }
  const [leading] = ranges;
  if (leading === undefined) return { texts: [text] };
  if (ranges.some(({ count }) => count !== leading.count)) {
    return {
      message: `${quoted(text)} has ranges of different lengths.`,
      fix: 'Give all ranges of an entry as many numbers.',
    };
  }
  const texts = Array.from({ length: leading.count }, (_, index) => {
    let next = 0;
    return text.replace(RANGE, () => {
      const { first = 0, width = 0 } = ranges[next++] ?? {};
      return String(first + index).padStart(width, '0');
    });
  });
  return { texts };
}

function rangeFault(whole: string, from: string, to: string): { message: string; fix: string } | undefined {
  if (Number(from) > Number(to)) {
    return { message: `the range ${whole} runs backwards.`, fix: `Write [${to}:${from}].` };
  }
  if (Number(to) - Number(from) >= MOST_HOSTS) {
    return { message: `the range ${whole} stands for more than ${MOST_HOSTS} hosts.`, fix: 'Write a shorter range.' };
  }
  const isPadded = [from, to].some((end) => end.length > 1 && end.startsWith('0'));
  if (isPadded && from.length !== to.length) {
    const digits = Math.max(from.length, to.length);
    return {
      message: `the range ${whole} has ends with different numbers of digits.`,
      fix: `Write [${from.padStart(digits, '0')}:${to.padStart(digits, '0')}].`,
    };
  }
  return undefined;
}

const RANGED = ['name', 'address', 'sshAddress'] as const;
type RangedKey = (typeof RANGED)[number];

/** One host of an entry; what was at fault or left out is undefined. */
export interface Expanded extends Partial<Record<RangedKey, string>> {
  /** Index in `hosts` of the entry that it comes from. */
  entry: number;
}

/** The hosts that an entry stands for, and what is wrong with its ranges. */
export function expandEntry(
  entry: Partial<Record<RangedKey, string | undefined>>,
  index: number,
): { hosts: Expanded[]; complaints: Complaint[] } {
  const complaints: Complaint[] = [];
  const lists = new Map<RangedKey, string[]>();
  let lead: { key: RangedKey; count: number } | undefined;
  for (const key of RANGED) {
    const text = entry[key];
    if (text === undefined) continue;
    const path: Path = ['hosts', index, key];
    const expansion = expandRanges(text);
    if ('message' in expansion) {
      complaints.push(complaint(path, expansion.message, expansion.fix));
    } else if (lead !== undefined && expansion.texts.length !== lead.count) {
      complaints.push(
        complaint(
          path,
          `${quoted(text)} stands for ${hosts(expansion.texts.length)}, but ${lead.key} for ${lead.count}.`,
          `Write a range of ${lead.count} here, or one of ${expansion.texts.length} there.`,
        ),
      );
    } else {
      lead ??= { key, count: expansion.texts.length };
      lists.set(key, expansion.texts);
    }
  }
  const expanded = Array.from({ length: lead?.count ?? 1 }, (_, at) => {
    const host: Expanded = { entry: index };
    for (const [key, texts] of lists) {
      const text = texts[at];
      if (text !== undefined) host[key] = text;
    }
    return host;
  });
  return { hosts: expanded, complaints };
}

const hosts = (count: number): string => (count === 1 ? 'one host' : `${count} hosts`);

/**
 * Damerau–Levenshtein distance (optimal string alignment): the number of letters to insert, remove, replace or swap
 * with a neighbor.
 */
export function distance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => [i]);
  const cell = (i: number, j: number): number => rows[i]?.[j] ?? 0;
  for (let j = 1; j <= b.length; j += 1) rows[0]?.push(j);
  for (let i = 1; i <= a.length; i += 1) {
    for (let j = 1; j <= b.length; j += 1) {
      const replace = cell(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = isSwap ? cell(i - 2, j - 2) + 1 : Infinity;
      rows[i]?.push(Math.min(cell(i - 1, j) + 1, cell(i, j - 1) + 1, replace, swap));
    }
  }
  return cell(a.length, b.length);
}

/** Compared without case and separators, so that `pod_cidr` finds `podCidr`. */
const folded = (word: string): string => word.toLowerCase().replace(/[-_. ]/g, '');

/** The candidate that was probably meant: at most a third of its letters differ. Undefined when none is near. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  // Longer than any name here; the distance would only cost time.
  if (word.length > 64) return undefined;
  const ranked = candidates
    .map((candidate) => ({ candidate, away: distance(folded(word), folded(candidate)) }))
    .filter(({ candidate, away }) => away <= Math.max(1, Math.floor(folded(candidate).length / 3)))
    .sort((a, b) => a.away - b.away);
  return ranked[0]?.candidate;
}

/** The second half of a fault about a name: the near one, or all of them. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const near = nearest(word, candidates);
  if (near !== undefined) return `Did you mean ${near}?`;
  // A longer list helps nobody to find a word in it.
  if (candidates.length > 20) return 'docs/reference.md lists what can stand here.';
  const [last, ...others] = candidates.toReversed();
  const rest = others.toReversed().join(', ');
  if (last === undefined || others.length === 0) return `Write ${last ?? 'nothing'}.`;
  return others.length === 1 ? `Write ${rest} or ${last}.` : `Write one of ${rest} or ${last}.`;
}

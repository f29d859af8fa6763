/** `3.4 s`; two decimals where a reader compares parts of seconds. */
export const seconds = (milliseconds: number, decimals = 1): string =>
  `${(Math.max(0, milliseconds) / 1000).toFixed(decimals)} s`;

/** `38.1 MB`, in millions of bytes, as links are measured; no decimals from 100 on, `40.0 GB` from ten thousand on. */
export function size(bytes: number): string {
  const isLarge = bytes >= 1e10;
  const amount = bytes / (isLarge ? 1e9 : 1e6);
  return `${amount.toFixed(amount < 100 ? 1 : 0)} ${isLarge ? 'GB' : 'MB'}`;
}

/** Bytes in milliseconds as `112 MB/s`; undefined while no time has passed. */
export const rate = (bytes: number, milliseconds: number): string | undefined =>
  milliseconds <= 0 ? undefined : `${size((bytes * 1000) / milliseconds)}/s`;

/** `1 host`, `3 hosts`. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** `cp-1, cp-2, cp-3 and 9 more`. */
export function someOf(names: readonly string[], most = 3): string {
  // One name more costs no more room than the words that would replace it.
  if (names.length <= most + 1) return names.join(', ');
  return `${names.slice(0, most).join(', ')} and ${names.length - most} more`;
}

/** Values with the keys that share them, in order of first appearance: hosts that say the same are told once. */
export function grouped(answers: Iterable<readonly [string, string]>): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const [key, value] of answers) {
    const keys = groups.get(value);
    if (keys === undefined) groups.set(value, [key]);
    else keys.push(key);
  }
  return groups;
}

import type { Random } from './random.ts';

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789'.split('') as unknown as [string, ...string[]];
const INNER = [...LETTERS, '-'] as unknown as [string, ...string[]];

function label(random: Random, longest: number): string {
  const length = random.whole(1, longest);
  const inner = Array.from({ length: Math.max(0, length - 2) }, () => random.pick(INNER)).join('');
  return length === 1 ? random.pick(LETTERS) : `${random.pick(LETTERS)}${inner}${random.pick(LETTERS)}`;
}

/** Name of a host: 52 letters at most, so that it goes into the common name of a node; rarely it looks like an address. */
export function hostName(random: Random): string {
  if (random.chance(0.02)) return ipv4(random);
  if (random.chance(0.05)) return `n${'0123456789'.repeat(6)}`.slice(0, 52);
  const name = random.list(1, 3, () => label(random, 14)).join('.');
  return ['local', 'api'].includes(name) ? hostName(random) : name;
}

/** Never one of the loopback names, and never read as an address. */
export const dnsName = (random: Random): string => {
  const name = `${random.list(1, 3, () => label(random, 12)).join('.')}.example`;
  return random.chance(0.2) ? name.toUpperCase() : name;
};

export const ipv4 = (random: Random): string =>
  [203, random.whole(0, 255), random.whole(0, 255), random.whole(0, 255)].join('.');

/** In any of the forms that RFC 4291 allows. */
export function ipv6(random: Random): string {
  const groups = Array.from({ length: 8 }, () => (random.chance(0.4) ? 0 : random.whole(0, 0xffff)));
  const hex = groups.map((group) => group.toString(16).padStart(random.chance(0.3) ? 4 : 1, '0'));
  const written = random.chance(0.3) ? hex.map((group) => group.toUpperCase()) : hex;
  if (random.chance(0.2)) return `${written.slice(0, 6).join(':')}:192.0.2.${random.whole(0, 255)}`;
  const zero = groups.findIndex((group, index) => group === 0 && groups[index + 1] === 0);
  if (zero < 0 || random.chance(0.3)) return written.join(':');
  return `${written.slice(0, zero).join(':')}::${written.slice(zero + 2).join(':')}`;
}

export const nameOrAddress = (random: Random): string => random.pick([dnsName, dnsName, ipv4, ipv6])(random);

import { isIP } from 'node:net';

export interface Address {
  family: 4 | 6;
  value: bigint;
}

/** A network: its lowest address and the length of its prefix. */
export interface Cidr extends Address {
  prefix: number;
}

const BITS = { 4: 32, 6: 128 } as const;

/** Undefined for anything that is not an address; IPv4 parts with leading zeros and IPv6 zones are not. */
export function parseAddress(text: string): Address | undefined {
  const family = isIP(text);
  if (family === 4) return { family, value: valueOf(text.split('.').map(Number), 8) };
  if (family !== 6 || text.includes('%')) return undefined;
  return { family, value: valueOf(groupsOf(text), 16) };
}

const valueOf = (parts: readonly number[], bits: number): bigint =>
  parts.reduce((value, part) => (value << BigInt(bits)) | BigInt(part), 0n);

/** The eight groups of an IPv6 address, with `::` and a trailing IPv4 address written out. */
function groupsOf(text: string): number[] {
  const [head = '', tail] = text.split('::');
  const left = groupsOfPart(head);
  if (tail === undefined) return left;
  const right = groupsOfPart(tail);
  return [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right];
}

const groupsOfPart = (part: string): number[] =>
  part === ''
    ? []
    : part.split(':').flatMap((group) => {
        if (!group.includes('.')) return [parseInt(group, 16)];
        const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
        return [a * 256 + b, c * 256 + d];
      });

/** The usual text of an address; IPv6 as RFC 5952 has it. */
export function formatAddress({ family, value }: Address): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => Number((value >> BigInt(112 - 16 * index)) & 0xffffn));
  const { start, length } = longestZeros(groups);
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  return length < 2 ? hex(groups) : `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}

function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  groups.forEach((_, start) => {
    const end = groups.findIndex((group, index) => index >= start && group !== 0);
    const length = (end === -1 ? groups.length : end) - start;
    if (length > best.length) best = { start, length };
  });
  return best;
}

/** Network and the address as it was written, which differ when host bits are set. Undefined when it is neither. */
export function parseCidr(text: string): { cidr: Cidr; written: Address } | undefined {
  const [, host = '', length = ''] = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  const written = parseAddress(host);
  const prefix = Number(length);
  if (written === undefined || prefix > BITS[written.family]) return undefined;
  const hostBits = BigInt(BITS[written.family] - prefix);
  return { written, cidr: { family: written.family, value: (written.value >> hostBits) << hostBits, prefix } };
}

export const formatCidr = (cidr: Cidr): string => `${formatAddress(cidr)}/${cidr.prefix}`;

/** How many addresses it holds. */
export const sizeOf = ({ family, prefix }: Cidr): bigint => 1n << BigInt(BITS[family] - prefix);

export const contains = (cidr: Cidr, address: Address): boolean =>
  cidr.family === address.family && address.value >= cidr.value && address.value < cidr.value + sizeOf(cidr);

/** Networks overlap exactly when one holds the other's lowest address. */
export const overlaps = (a: Cidr, b: Cidr): boolean => contains(a, b) || contains(b, a);

/** The address `index` places above the lowest, as text. */
export const addressAt = (cidr: Cidr, index: number): string =>
  formatAddress({ family: cidr.family, value: cidr.value + BigInt(index) });

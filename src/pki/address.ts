import { isIP } from 'node:net';

/** IPv4 as it is; IPv6 in the one form of RFC 5952, so that the same address is never listed or compared as two. */
export function canonicalAddress(address: string): string {
  return isIP(address) === 6 ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}

/** Four bytes of an IPv4 address, sixteen of an IPv6 address. Throws an Error for anything else. */
export function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  if (isIP(address) !== 6) throw new Error(`"${address}" is not an IP address`);
  const [head = '', tail = ''] = canonicalAddress(address).split('::');
  const groups = (part: string): string[] => part.split(':').filter((group) => group !== '');
  const [before, after] = [groups(head), groups(tail)];
  const zeros = Array<string>(8 - before.length - after.length).fill('0');
  return Buffer.from([...before, ...zeros, ...after].map((group) => group.padStart(4, '0')).join(''), 'hex');
}

/** The address of four or sixteen bytes, in canonical form. */
export const addressText = (bytes: Buffer): string =>
  bytes.length === 4 ? bytes.join('.') : canonicalAddress(bytes.toString('hex').match(/.{4}/g)?.join(':') ?? '');

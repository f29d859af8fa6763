import { addressBytes, addressText } from './address.ts';
import * as der from './der.ts';

/** Subject alternative names by kind. Addresses are as `addressText` writes them; the rest is ASCII. */
export interface AltNames {
  dns: readonly string[];
  email: readonly string[];
  ip: readonly string[];
  uri: readonly string[];
}

export const NO_ALT_NAMES: AltNames = { dns: [], email: [], ip: [], uri: [] };

export const hasAltNames = (names: AltNames): boolean => Object.values(names).some((of: string[]) => of.length > 0);

/** GeneralNames, in Go's order. Throws an Error for a name that is not ASCII or an address that is none. */
export const altNamesNode = (names: AltNames): der.Node =>
  der.sequence(
    ...names.dns.map((name) => der.tagged(2, ascii(name))),
    ...names.email.map((name) => der.tagged(1, ascii(name))),
    ...names.ip.map((address) => der.tagged(7, addressBytes(address))),
    ...names.uri.map((name) => der.tagged(6, ascii(name))),
  );

function ascii(name: string): Buffer {
  if (!/^[\x21-\x7e]+$/.test(name)) throw new Error(`the alternative name ${JSON.stringify(name)} is not ASCII`);
  return Buffer.from(name, 'latin1');
}

const TAGS = { email: 0x81, dns: 0x82, uri: 0x86, ip: 0x87 };

/** The names in the value of a subjectAltName extension; kinds that `AltNames` does not have are left out. */
export function readAltNames(value: Buffer): AltNames {
  const names = der.elementsIn(der.readElement(value).contents);
  const of = (tag: number): Buffer[] => names.filter((name) => name.tag === tag).map(({ contents }) => contents);
  const texts = (tag: number): string[] => of(tag).map((contents) => contents.toString('latin1'));
  return { dns: texts(TAGS.dns), email: texts(TAGS.email), uri: texts(TAGS.uri), ip: of(TAGS.ip).map(addressText) };
}

import { type AltNames, altNamesNode, hasAltNames } from './altNames.ts';
import * as der from './der.ts';

/** Bits of the key usage extension (RFC 5280 4.2.1.3), by number. */
const KEY_USAGE_BITS = {
  digitalSignature: 0,
  contentCommitment: 1,
  keyEncipherment: 2,
  dataEncipherment: 3,
  keyAgreement: 4,
  keyCertSign: 5,
  cRLSign: 6,
  encipherOnly: 7,
  decipherOnly: 8,
} as const;

export type KeyUsageBit = keyof typeof KEY_USAGE_BITS;

/** Object identifiers of extensions. */
export const EXTENSIONS = {
  keyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  altNames: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  crls: '2.5.29.31',
  policies: '2.5.29.32',
  issuerKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  access: '1.3.6.1.5.5.7.1.1',
  ocspNoCheck: '1.3.6.1.5.5.7.48.1.5',
} as const;

export function extension(oid: string, value: der.Node, isCritical = false): der.Node {
  const critical = isCritical ? [der.boolean(true)] : [];
  return der.sequence(der.oid(oid), ...critical, der.octets(der.toDer(value)));
}

/** A certificate that may sign others; without a path length any number of authorities may stand below it. */
export interface AuthorityConstraint {
  pathLength?: number;
}

/** Always critical. `CA:FALSE` is the default, so DER leaves it out. */
export function basicConstraints(authority: AuthorityConstraint | undefined): der.Node {
  const pathLength = authority?.pathLength;
  const limit = pathLength === undefined ? [] : [der.integer(Buffer.from([pathLength >> 8, pathLength & 0xff]))];
  const parts = authority === undefined ? [] : [der.boolean(true), ...limit];
  return extension(EXTENSIONS.basicConstraints, der.sequence(...parts), true);
}

/** Always critical. */
export function keyUsage(bits: readonly KeyUsageBit[]): der.Node {
  const numbers = bits.map((bit) => KEY_USAGE_BITS[bit]);
  const last = Math.max(...numbers);
  const bytes = Buffer.alloc((last >> 3) + 1);
  for (const number of numbers) bytes.writeUInt8((bytes[number >> 3] ?? 0) | (0x80 >> (number & 7)), number >> 3);
  return extension(EXTENSIONS.keyUsage, der.bits(bytes, 7 - (last & 7)), true);
}

/** Critical where nothing else tells whose certificate it is (RFC 5280 4.2.1.6). None without names. */
export const subjectAltName = (names: AltNames, isSubjectEmpty: boolean): der.Node[] =>
  hasAltNames(names) ? [extension(EXTENSIONS.altNames, altNamesNode(names), isSubjectEmpty)] : [];

const uri = (address: string): der.Node => der.tagged(6, Buffer.from(address, 'latin1'));
const OCSP = '1.3.6.1.5.5.7.48.1';
const CA_ISSUERS = '1.3.6.1.5.5.7.48.2';

/** Where the issuer's certificate and its OCSP responder are. None without addresses. */
export function authorityAccess(ocsp: readonly string[], issuers: readonly string[]): der.Node[] {
  const descriptions = [
    ...ocsp.map((address) => der.sequence(der.oid(OCSP), uri(address))),
    ...issuers.map((address) => der.sequence(der.oid(CA_ISSUERS), uri(address))),
  ];
  return descriptions.length === 0 ? [] : [extension(EXTENSIONS.access, der.sequence(...descriptions))];
}

/** Where the issuer's revocation list is. None without an address. */
export const crlDistribution = (addresses: readonly string[]): der.Node[] =>
  addresses.length === 0
    ? []
    : [
        extension(
          EXTENSIONS.crls,
          der.sequence(...addresses.map((address) => der.sequence(der.tagged(0, [der.tagged(0, [uri(address)])])))),
        ),
      ];

/** An extension as it was read. */
export interface ReadExtension {
  isCritical: boolean;
  /** DER inside the OCTET STRING. */
  value: Buffer;
}

/** Extensions of an `Extensions` SEQUENCE, by dotted identifier, in their order. */
export function readExtensions(list: Buffer): Map<string, ReadExtension> {
  return new Map(
    der.elementsIn(der.readElement(list).contents).map((element) => {
      // An extension is its identifier, an optional `critical`, and the value.
      const parts = der.elementsIn(element.contents);
      const oid = der.dotted(parts[0]?.contents ?? Buffer.alloc(0));
      return [oid, { isCritical: parts.length > 2, value: parts.at(-1)?.contents ?? Buffer.alloc(0) }] as const;
    }),
  );
}

/** True when the value of a key usage extension has this bit. */
export function hasKeyUsage(value: Buffer, bit: KeyUsageBit): boolean {
  const { contents } = der.readElement(value);
  const number = KEY_USAGE_BITS[bit];
  // The first byte counts the unused bits at the end.
  return ((contents[1 + (number >> 3)] ?? 0) & (0x80 >> (number & 7))) !== 0;
}

const BOOLEAN = 0x01;
const INTEGER = 0x02;

/** What the value of a basic constraints extension says; undefined for a certificate that signs nothing. */
export function readBasicConstraints(value: Buffer): AuthorityConstraint | undefined {
  const parts = der.elementsIn(der.readElement(value).contents);
  if (parts.find(({ tag }) => tag === BOOLEAN)?.contents[0] !== 0xff) return undefined;
  const pathLength = parts.find(({ tag }) => tag === INTEGER)?.contents;
  return pathLength === undefined ? {} : { pathLength: pathLength.readUIntBE(0, Math.min(pathLength.length, 6)) };
}

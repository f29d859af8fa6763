import forge from 'node-forge';

// The only file that knows ASN.1. Writing goes through node-forge; reading is a walk over the bytes, because forge's
// parser takes longer for one certificate than everything else that the store does with it.

const { asn1 } = forge;
// forge takes any number as a tag; its types list the universal ones only.
const create: (kind: forge.asn1.Class, tag: number, isConstructed: boolean, value: Node[] | string) => Node =
  asn1.create;
const { UNIVERSAL, CONTEXT_SPECIFIC } = asn1.Class;
const { Type } = asn1;
export type Node = forge.asn1.Asn1;

const binary = (bytes: Buffer): string => bytes.toString('latin1');
export const toDer = (node: Node): Buffer => Buffer.from(asn1.toDer(node).getBytes(), 'latin1');

export const sequence = (...nodes: Node[]): Node => create(UNIVERSAL, Type.SEQUENCE, true, nodes);
export const set = (...nodes: Node[]): Node => create(UNIVERSAL, Type.SET, true, nodes);
/** SET OF, whose members DER wants in the order of their bytes. */
export function setOf(nodes: readonly Node[]): Node {
  if (nodes.length < 2) return set(...nodes);
  const members = nodes.map((node) => ({ node, bytes: toDer(node) }));
  return set(...members.sort((a, b) => Buffer.compare(a.bytes, b.bytes)).map(({ node }) => node));
}
export const oid = (dotted: string): Node => create(UNIVERSAL, Type.OID, false, asn1.oidToDer(dotted).getBytes());
export const boolean = (value: boolean): Node => create(UNIVERSAL, Type.BOOLEAN, false, value ? '\xff' : '\x00');
export const nothing = (): Node => create(UNIVERSAL, Type.NULL, false, '');
export const octets = (bytes: Buffer): Node => create(UNIVERSAL, Type.OCTETSTRING, false, binary(bytes));
export const bits = (bytes: Buffer, unusedBits = 0): Node =>
  create(UNIVERSAL, Type.BITSTRING, false, String.fromCharCode(unusedBits) + binary(bytes));

/** A non-negative INTEGER from its big-endian bytes, without leading zeros beyond the one that keeps it positive. */
export function integer(bytes: Buffer): Node {
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = first < 0 ? Buffer.alloc(1) : bytes.subarray(first);
  const sign = (digits[0] ?? 0) > 0x7f ? '\x00' : '';
  return create(UNIVERSAL, Type.INTEGER, false, sign + binary(digits));
}

/** PrintableString where the characters allow it, otherwise UTF8String, as Go writes names. */
export const text = (value: string): Node =>
  /^[A-Za-z0-9 '()+,\-./:=?]*$/.test(value) ? create(UNIVERSAL, Type.PRINTABLESTRING, false, value) : utf8(value);

export const utf8 = (value: string): Node => create(UNIVERSAL, Type.UTF8, false, binary(Buffer.from(value, 'utf8')));
/** Mail addresses, host names and URIs: ASCII. */
export const ia5 = (value: string): Node => create(UNIVERSAL, Type.IA5STRING, false, value);
/** UTF-16, as PKCS#12 wants names. */
export const bmp = (value: string): Node => create(UNIVERSAL, Type.BMPSTRING, false, value);

/** Context-specific `[number]`: around nodes, or in place of a primitive's own tag. */
export const tagged = (number: number, value: Node[] | Buffer): Node =>
  Buffer.isBuffer(value)
    ? create(CONTEXT_SPECIFIC, number, false, binary(value))
    : create(CONTEXT_SPECIFIC, number, true, value);

/** UTCTime before 2050, GeneralizedTime from then on (RFC 5280 4.1.2.5); to the second. */
export function time(milliseconds: number): Node {
  const moment = new Date(milliseconds);
  const digits = moment.toISOString().replace(/\.\d+/, '').replace(/[-:T]/g, '');
  return moment.getUTCFullYear() < 2050
    ? create(UNIVERSAL, Type.UTCTIME, false, digits.slice(2))
    : create(UNIVERSAL, Type.GENERALIZEDTIME, false, digits);
}

/** An element that is there as bytes already, such as another certificate's name. */
export function verbatim(der: Buffer): Node {
  const { tag, contents } = readElement(der);
  // forge puts class and tag together by `or`, so the whole identifier octet can stand in the place of the type.
  return create(UNIVERSAL, tag, false, binary(contents));
}

/** One element of DER: its identifier octet, its contents, and itself with header. */
export interface Element {
  tag: number;
  contents: Buffer;
  whole: Buffer;
}

/** The element at `offset`. Throws an Error when it reaches beyond the bytes. */
export function readElement(der: Buffer, offset = 0): Element {
  const tag = der[offset];
  const first = der[offset + 1];
  if (tag === undefined || first === undefined) throw new Error('the DER ends early');
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  // 0x80 is BER's open length, which DER does not have.
  if (first === 0x80 || lengthBytes > 4 || offset + 2 + lengthBytes > der.length)
    throw new Error('the DER has no valid length');
  const length = lengthBytes === 0 ? first : der.readUIntBE(offset + 2, lengthBytes);
  const start = offset + 2 + lengthBytes;
  if (start + length > der.length) throw new Error('the DER ends early');
  return { tag, contents: der.subarray(start, start + length), whole: der.subarray(offset, start + length) };
}

/** `1.2.840.10045.2.1` of the contents of an OBJECT IDENTIFIER. */
export const dotted = (contents: Buffer): string => asn1.derToOid(binary(contents));

const UTC_TIME = 0x17;

/** Milliseconds since the epoch of a UTCTime or GeneralizedTime, as `time` writes them. NaN for any other form. */
export function readTime({ tag, contents }: Element): number {
  const digits = contents.toString('latin1');
  const century = tag !== UTC_TIME ? '' : digits < '5' ? '20' : '19';
  return Date.parse(`${century}${digits}`.replace(/^(.{4})(..)(..)(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}

/** The elements inside a constructed one. */
export function elementsIn(contents: Buffer): Element[] {
  const elements: Element[] = [];
  for (let offset = 0; offset < contents.length;) {
    const element = readElement(contents, offset);
    elements.push(element);
    offset += element.whole.length;
  }
  return elements;
}

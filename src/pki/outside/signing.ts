import type { KeyUsage } from '../../model/pki.ts';
import { type ReadCertificate, USAGE_OIDS } from '../certificate.ts';
import * as der from '../der.ts';
import { EXTENSIONS, hasKeyUsage, readBasicConstraints } from '../extensions.ts';

/** What a certificate must be able to sign. */
export interface SigningNeed {
  /** How many authorities may have to stand between it and a leaf. */
  below: number;
  /** Extended key usages of the leaves. */
  usages: readonly KeyUsage[];
  /** Milliseconds since the epoch. */
  now: number;
}

const NAME_CONSTRAINTS = '2.5.29.30';
const ANY_USAGE = '2.5.29.37.0';

/** Algorithms that Go and OpenSSL no longer take: with SHA-1, MD5 and MD2. */
const WEAK = [
  ...['1.2.840.10045.4.1', '1.2.840.113549.1.1.5', '1.2.840.113549.1.1.4', '1.2.840.113549.1.1.2'],
  ...['1.3.14.3.2.29', '1.2.840.10040.4.3'],
];

/** Whether one certificate was signed by the key of another one, as both say; not whether that one may sign. */
export const hasSigned = (signer: ReadCertificate, signed: ReadCertificate): boolean =>
  signed.x509.issuer === signer.x509.subject && signed.x509.verify(signer.x509.publicKey);

/** Nobody is above it. */
export const isSelfSigned = (read: ReadCertificate): boolean => hasSigned(read, read);

/** Whether its signature is by an algorithm that nobody takes any more. */
export function isWeaklySigned({ x509 }: ReadCertificate): boolean {
  const [, algorithm] = der.elementsIn(der.readElement(x509.raw).contents);
  const [oid] = algorithm === undefined ? [] : der.elementsIn(algorithm.contents);
  return oid !== undefined && WEAK.includes(der.dotted(oid.contents));
}

/** What is wrong with its dates, continuing `FILE: `. */
export function dateFaults({ x509 }: ReadCertificate, now: number): string[] {
  const [from, to] = [x509.validFrom, x509.validTo].map((text) => new Date(text).toISOString()) as [string, string];
  if (now >= Date.parse(x509.validTo)) return [`expired on ${to}`];
  return now < Date.parse(x509.validFrom)
    ? [`is not valid before ${from}; the clock here says ${new Date(now).toISOString()}`]
    : [];
}

/** Why it cannot sign what it is needed for; each continues `FILE: `. */
export function signingFaults(read: ReadCertificate, need: SigningNeed): string[] {
  const { extensions } = read;
  const basic = extensions.get(EXTENSIONS.basicConstraints);
  const constraint = basic === undefined ? undefined : readBasicConstraints(basic.value);
  if (constraint === undefined) return ['is no authority: it lacks CA:TRUE'];
  const usage = extensions.get(EXTENSIONS.keyUsage);
  const maySign = usage === undefined || hasKeyUsage(usage.value, 'keyCertSign');
  const { pathLength = Infinity } = constraint;
  return [
    ...(maySign ? [] : ['is no authority: its key usage lacks certificate signing']),
    ...(pathLength >= need.below ? [] : [`has path length ${pathLength}, and ${need.below} must stand below it`]),
    ...usageFaults(extensions.get(EXTENSIONS.extendedKeyUsage)?.value, need.usages),
    ...dateFaults(read, need.now),
  ];
}

/** An authority with extended key usages signs for these only, wherever it stands in a chain (Go, crypto/x509). */
function usageFaults(value: Buffer | undefined, usages: readonly KeyUsage[]): string[] {
  if (value === undefined) return [];
  const allowed = der.elementsIn(der.readElement(value).contents).map(({ contents }) => der.dotted(contents));
  if (allowed.includes(ANY_USAGE)) return [];
  const missing = usages.filter((usage) => !allowed.includes(USAGE_OIDS[usage]));
  return missing.length === 0
    ? []
    : [`may not sign for ${missing.join(' and ')}: its extended key usage keeps it from that`];
}

export const hasNameConstraints = ({ extensions }: ReadCertificate): boolean => extensions.has(NAME_CONSTRAINTS);
export const hasKeyId = ({ extensions }: ReadCertificate): boolean => extensions.has(EXTENSIONS.keyId);

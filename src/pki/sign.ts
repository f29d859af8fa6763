import { type KeyObject, randomBytes } from 'node:crypto';
import type { AltNames } from './altNames.ts';
import * as der from './der.ts';
import {
  authorityAccess,
  type AuthorityConstraint,
  basicConstraints,
  crlDistribution,
  EXTENSIONS,
  extension,
  type KeyUsageBit,
  keyUsage,
  subjectAltName,
} from './extensions.ts';
import { keyIdOf } from './keys.ts';
import { type Name, nameNode } from './names.ts';
import { toPem } from './pem.ts';
import { signatureIdentifier, signatureOf, type SignatureName, signedDer } from './signature.ts';

/** What a certificate says, apart from its serial number and its issuer. */
export interface Template {
  subject: Name;
  /** SubjectPublicKeyInfo, DER. */
  spki: Buffer;
  altNames: AltNames;
  keyUsages: readonly KeyUsageBit[];
  /** Object identifiers, dotted. */
  extendedKeyUsages: readonly string[];
  /** Present for a certificate that signs others. */
  authority?: AuthorityConstraint;
  /** Milliseconds since the epoch; written to the second. */
  notBefore: number;
  notAfter: number;
  ocspUrls?: readonly string[];
  issuerUrls?: readonly string[];
  crlUrls?: readonly string[];
  /** Extensions that have no field here, as `extension` makes them; written last. */
  others?: readonly der.Node[];
}

/** Who signs. */
export interface Signer {
  /** Its subject, DER: becomes the issuer field byte for byte. Null: the certificate signs itself. */
  subject: Buffer | null;
  /** Its key identifier, for the certificate to name; null names none. */
  keyId: Buffer | null;
  key: KeyObject;
  /** Default: what fits the key's strength (`signatureOf`). */
  signature?: SignatureName;
}

/**
 * A certificate as PEM, with a random serial number. Extensions come in the order of Go's crypto/x509; key usage and
 * basic constraints are critical. It checks nothing: what must not be signed is refused by the callers.
 */
export function signCertificate(template: Template, signer: Signer): string {
  const { subject, spki, notBefore, notAfter } = template;
  const signature = signer.signature ?? signatureOf(signer.key);
  const name = nameNode(subject);
  const body = der.sequence(
    der.tagged(0, [der.integer(Buffer.from([2]))]),
    der.integer(newSerial()),
    signatureIdentifier(signature),
    signer.subject === null ? name : der.verbatim(signer.subject),
    der.sequence(der.time(notBefore), der.time(notAfter)),
    name,
    der.verbatim(spki),
    der.tagged(3, [der.sequence(...extensionsOf(template, signer.keyId))]),
  );
  return toPem('CERTIFICATE', signedDer(body, signer.key, signature));
}

/** 63 random bits, so that the number is positive in eight bytes; zero is no serial number. REFERENCE 1.1. */
export function newSerial(): Buffer {
  const bytes = randomBytes(8);
  bytes.writeUInt8(bytes.readUInt8(0) & 0x7f, 0);
  return bytes.some((byte) => byte !== 0) ? bytes : newSerial();
}

function extensionsOf(template: Template, issuerKeyId: Buffer | null): der.Node[] {
  const { keyUsages, extendedKeyUsages, ocspUrls = [], issuerUrls = [], crlUrls = [], others = [] } = template;
  const usages = der.sequence(...extendedKeyUsages.map(der.oid));
  return [
    ...(keyUsages.length === 0 ? [] : [keyUsage(keyUsages)]),
    ...(extendedKeyUsages.length === 0 ? [] : [extension(EXTENSIONS.extendedKeyUsage, usages)]),
    basicConstraints(template.authority),
    extension(EXTENSIONS.keyId, der.octets(keyIdOf(template.spki))),
    ...(issuerKeyId === null ? [] : [extension(EXTENSIONS.issuerKeyId, der.sequence(der.tagged(0, issuerKeyId)))]),
    ...authorityAccess(ocspUrls, issuerUrls),
    ...subjectAltName(template.altNames, template.subject.length === 0),
    ...crlDistribution(crlUrls),
    ...others,
  ];
}

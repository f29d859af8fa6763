import { createHash, type KeyObject, X509Certificate } from 'node:crypto';
import type { CertificateFields, CertificateName, KeyUsage, SeenCertificate, StoredCertificate } from '../model/pki.ts';
import { NO_ALT_NAMES, readAltNames } from './altNames.ts';
import { elementsIn, readElement } from './der.ts';
import { EXTENSIONS, type ReadExtension, readExtensions } from './extensions.ts';
import { algorithmOf, keyIdOf, spkiOf } from './keys.ts';
import { ATTRIBUTES, readName, valuesOf } from './names.ts';
import { fromPem } from './pem.ts';

/** A certificate taken apart as far as kbin needs it; byte ranges are DER. */
export interface ReadCertificate {
  x509: X509Certificate;
  /** The subject's Name, byte for byte: what an issuer field must repeat. */
  subject: Buffer;
  spki: Buffer;
  keyId: Buffer;
  /** What the certificate says of its issuer's key; null when it says nothing. */
  issuerKeyId: Buffer | null;
  commonName: string;
  /** Common name of the issuer. */
  issuer: string;
  organizations: string[];
  dnsNames: string[];
  ipAddresses: string[];
  /** All of them, by dotted identifier. */
  extensions: ReadonlyMap<string, ReadExtension>;
}

const TAG = { version: 0xa0, extensions: 0xa3, keyIdentifier: 0x80 };

export const USAGE_OIDS: Record<KeyUsage, string> = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' };

/** Throws an Error when the PEM holds anything but one whole certificate. */
export function readCertificate(pem: string): ReadCertificate {
  const { der } = fromPem(pem, ['CERTIFICATE']);
  const x509 = new X509Certificate(der);
  const [tbs] = elementsIn(readElement(der).contents);
  const fields = elementsIn(tbs?.contents ?? der).filter((field) => field.tag !== TAG.version);
  const [, , issuer, , subject, spki] = fields;
  if (issuer === undefined || subject === undefined || spki === undefined) throw new Error('is no X.509 certificate');
  const list = fields.find((field) => field.tag === TAG.extensions);
  const extensions = list === undefined ? new Map<string, ReadExtension>() : readExtensions(list.contents);
  const altNames = extensions.get(EXTENSIONS.altNames)?.value;
  const { dns, ip } = altNames === undefined ? NO_ALT_NAMES : readAltNames(altNames);
  const keyId = extensions.get(EXTENSIONS.keyId)?.value;
  const name = readName(subject.whole);
  return {
    x509,
    subject: subject.whole,
    spki: spki.whole,
    keyId: keyId === undefined ? keyIdOf(spki.whole) : readElement(keyId).contents,
    issuerKeyId: issuerKeyIdIn(extensions.get(EXTENSIONS.issuerKeyId)?.value),
    commonName: valuesOf(name, ATTRIBUTES.CN)[0] ?? '',
    issuer: valuesOf(readName(issuer.whole), ATTRIBUTES.CN)[0] ?? '',
    organizations: valuesOf(name, ATTRIBUTES.O),
    dnsNames: [...dns],
    ipAddresses: [...ip],
    extensions,
  };
}

/** The key identifier in the value of an authorityKeyIdentifier extension. */
function issuerKeyIdIn(value: Buffer | undefined): Buffer | null {
  const parts = value === undefined ? [] : elementsIn(readElement(value).contents);
  return parts.find(({ tag }) => tag === TAG.keyIdentifier)?.contents ?? null;
}

export const sha256Hex = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex');

/** The texts of a pair's files; `publicPem` is the certificate, or the public key where there is none. */
export interface PairTexts {
  publicPem: string;
  keyPem: string;
}

/** Those of its extended key usages that kbin issues. */
export function usagesOf(x509: X509Certificate): KeyUsage[] {
  // node:crypto calls the extended key usages `keyUsage`.
  const usages = (x509.keyUsage as string[] | undefined) ?? [];
  return (Object.keys(USAGE_OIDS) as KeyUsage[]).filter((usage) => usages.includes(USAGE_OIDS[usage]));
}

function fieldsOf(read: ReadCertificate): CertificateFields {
  const { x509 } = read;
  return {
    serial: x509.serialNumber,
    commonName: read.commonName,
    organizations: read.organizations,
    dnsNames: read.dnsNames,
    ipAddresses: read.ipAddresses,
    usages: usagesOf(x509),
    isAuthority: x509.ca,
    notBefore: Date.parse(x509.validFrom),
    notAfter: Date.parse(x509.validTo),
    issuerKeyId: (read.issuerKeyId ?? read.keyId).toString('hex'),
    keyId: read.keyId.toString('hex'),
  };
}

/** What the store tells of a certificate and its files. Throws an Error for a key algorithm that kbin does not know. */
export function describeCertificate(name: CertificateName, read: ReadCertificate, texts: PairTexts): StoredCertificate {
  return {
    ...fieldsOf(read),
    name,
    certSha256: sha256Hex(texts.publicPem),
    keySha256: sha256Hex(texts.keyPem),
    spkiSha256: sha256Hex(read.spki),
    algorithm: knownAlgorithm(read.x509.publicKey),
    ...(read.x509.ca ? { pem: texts.publicPem } : {}),
  };
}

/** A certificate that is not the store's, from its PEM. Throws an Error for what is no certificate. */
export function seenCertificate(pem: string): SeenCertificate {
  const read = readCertificate(pem);
  return {
    ...fieldsOf(read),
    issuer: read.issuer,
    fingerprint: sha256Hex(read.x509.raw),
    algorithm: algorithmOf(read.x509.publicKey) ?? 'unknown',
  };
}

/** RFC 5280 4.1.2.5: the date of what has no expiry. */
const NO_EXPIRY = Date.parse('9999-12-31T23:59:59Z');

/** A text that is no certificate has a key's place in the store: what matters is its digest. */
export const bareText = (name: CertificateName, text: string): StoredCertificate => ({
  name,
  certSha256: '',
  keySha256: sha256Hex(text),
  spkiSha256: '',
  serial: '',
  commonName: '',
  organizations: [],
  dnsNames: [],
  ipAddresses: [],
  usages: [],
  isAuthority: false,
  algorithm: 'ECDSA-P256',
  notBefore: 0,
  notAfter: NO_EXPIRY,
  issuerKeyId: '',
  keyId: '',
});

/** What the store tells of a bare key pair: no names, no serial, no expiry; the `certificate` is the public key's file. */
export function describeKeyPair(name: CertificateName, publicKey: KeyObject, texts: PairTexts): StoredCertificate {
  const spki = spkiOf(publicKey);
  const keyId = keyIdOf(spki).toString('hex');
  return {
    name,
    certSha256: sha256Hex(texts.publicPem),
    keySha256: sha256Hex(texts.keyPem),
    spkiSha256: sha256Hex(spki),
    serial: '',
    commonName: '',
    organizations: [],
    dnsNames: [],
    ipAddresses: [],
    usages: [],
    isAuthority: false,
    algorithm: knownAlgorithm(publicKey),
    pem: texts.publicPem,
    notBefore: 0,
    notAfter: NO_EXPIRY,
    issuerKeyId: keyId,
    keyId,
  };
}

function knownAlgorithm(key: KeyObject): StoredCertificate['algorithm'] {
  const algorithm = algorithmOf(key);
  if (algorithm === null) throw new Error(`has a key of an unknown kind (${key.asymmetricKeyType ?? 'none'})`);
  return algorithm;
}

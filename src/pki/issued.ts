import type { CertSpec, KeyUsage, StoredCertificate } from '../model/pki.ts';
import { canonicalAddress } from './address.ts';
import { type PairTexts, sha256Hex, USAGE_OIDS } from './certificate.ts';
import { describeChain, readChain } from './chain.ts';
import { elementsIn, readElement, readTime } from './der.ts';
import type { Issuer } from './issue.ts';
import { keyIdOf } from './keys.ts';
import { fromPem } from './pem.ts';

const USAGES = Object.keys(USAGE_OIDS) as KeyUsage[];

/**
 * What the store tells of a certificate that was issued just now: the same as it will tell when it reads the files.
 * Only what is not known beforehand is taken from the certificate itself: OpenSSL's parser takes longer than making the
 * key and signing together.
 */
export function describeIssued(spec: CertSpec, issuer: Issuer | null, texts: PairTexts): StoredCertificate {
  const { name, isAuthority, commonName, organizations, dnsNames, algorithm } = spec;
  // These tell more of themselves, and there are few.
  if (isAuthority || issuer?.presented !== undefined) return describeChain(name, readChain(texts.publicPem), texts);
  const { serial, notBefore, notAfter, spki } = takenFrom(texts.publicPem);
  const keyId = keyIdOf(spki).toString('hex');
  return {
    name,
    certSha256: sha256Hex(texts.publicPem),
    keySha256: sha256Hex(texts.keyPem),
    spkiSha256: sha256Hex(spki),
    serial,
    commonName,
    organizations: [...organizations],
    dnsNames: [...dnsNames],
    ipAddresses: spec.ipAddresses.map(canonicalAddress),
    usages: USAGES.filter((usage) => spec.usages.includes(usage)),
    isAuthority,
    algorithm,
    notBefore,
    notAfter,
    issuerKeyId: issuer?.keyId.toString('hex') ?? keyId,
    keyId,
  };
}

/** Serial number in upper-case hex, validity in milliseconds since the epoch, and SubjectPublicKeyInfo. */
function takenFrom(pem: string): { serial: string; notBefore: number; notAfter: number; spki: Buffer } {
  const [tbs] = elementsIn(readElement(fromPem(pem, ['CERTIFICATE']).der).contents);
  const [, serial, , , validity, , spki] = tbs === undefined ? [] : elementsIn(tbs.contents);
  const [notBefore, notAfter] = validity === undefined ? [] : elementsIn(validity.contents);
  if (serial === undefined || notBefore === undefined || notAfter === undefined || spki === undefined)
    throw new Error('is no X.509 certificate');
  return {
    serial: serial.contents.toString('hex').replace(/^00/, '').toUpperCase(),
    notBefore: readTime(notBefore),
    notAfter: readTime(notAfter),
    spki: spki.whole,
  };
}

import { createHash, type KeyObject, type X509Certificate } from 'node:crypto';
import { readAltNames } from '../../../src/pki/altNames.ts';
import { readCertificate } from '../../../src/pki/certificate.ts';
import * as der from '../../../src/pki/der.ts';
import { EXTENSIONS, hasKeyUsage, type KeyUsageBit, readBasicConstraints } from '../../../src/pki/extensions.ts';
import { readName } from '../../../src/pki/names.ts';
import { addressHex, type ExpectedCertificate } from './expectedCertificates.ts';

/** A certificate as far as a test looks at it, told in the same words as what it must be. */

const { keyUsage, extendedKeyUsage, basicConstraints, keyId, issuerKeyId, altNames } = EXTENSIONS;
const BITS: readonly KeyUsageBit[] = [
  ...(['digitalSignature', 'contentCommitment', 'keyEncipherment', 'dataEncipherment', 'keyAgreement'] as const),
  ...(['keyCertSign', 'cRLSign', 'encipherOnly', 'decipherOnly'] as const),
];
const USAGES: Readonly<Record<string, string>> = { '1.3.6.1.5.5.7.3.1': 'server', '1.3.6.1.5.5.7.3.2': 'client' };
const BACKDATE = 300_000;
const DAY = 86_400_000;

/** What signed it; itself, for one that nothing else signed. */
export interface Above {
  x509: X509Certificate;
}

/** The bits of a public key, without kbin's readers: a point, or PKCS#1. */
function keyBits(key: KeyObject): Buffer {
  if (key.asymmetricKeyType === 'rsa') return key.export({ type: 'pkcs1', format: 'der' });
  const { x = '', y = '' } = key.export({ format: 'jwk' });
  return Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
}

/** RFC 7093, method 1. */
export const keyIdOf = ({ publicKey }: X509Certificate): string =>
  createHash('sha256').update(keyBits(publicKey)).digest('hex').slice(0, 40);

const toSecond = (milliseconds: number): number => Math.floor(milliseconds / 1000) * 1000;

export function seen(name: string, pem: string, { x509: above }: Above) {
  const { x509, extensions, subject, issuerKeyId: namedKeyId } = readCertificate(pem);
  const [tbs] = der.elementsIn(der.readElement(x509.raw).contents);
  const [version, serial] = der.elementsIn(tbs?.contents ?? Buffer.alloc(0));
  const value = (oid: string): Buffer => extensions.get(oid)?.value ?? Buffer.from([0x30, 0x00]);
  const names = readAltNames(value(altNames));
  const { asymmetricKeyType = '', asymmetricKeyDetails: { namedCurve, modulusLength } = {} } = x509.publicKey;
  return {
    name,
    version: version?.contents.toString('hex'),
    subject: readName(subject).map((part) => part.map((attribute) => `${attribute.type}=${attribute.value}`).join('+')),
    extensions: [...extensions].map(([oid, { isCritical }]) => `${oid}${isCritical ? ' critical' : ''}`),
    keyUsages: BITS.filter((bit) => hasKeyUsage(value(keyUsage), bit)),
    usages: der
      .elementsIn(der.readElement(value(extendedKeyUsage)).contents)
      .map(({ contents }) => USAGES[der.dotted(contents)])
      .sort(),
    authority: readBasicConstraints(value(basicConstraints)),
    dns: [...names.dns].sort(),
    ip: names.ip.map(addressHex).sort(),
    others: [...names.email, ...names.uri],
    key: `${asymmetricKeyType} ${namedCurve ?? modulusLength ?? ''}`,
    keyId: der.readElement(value(keyId)).contents.toString('hex'),
    issuerKeyId: namedKeyId?.toString('hex'),
    // REFERENCE 1.1: 63 random bits, positive.
    isSerialSound: serial !== undefined && serial.contents.length <= 8 && (serial.contents[0] ?? 0xff) < 0x80,
    isSerialZero: /^0+$/.test(x509.serialNumber),
    notBefore: Date.parse(x509.validFrom),
    notAfter: Date.parse(x509.validTo),
    isIssued: x509.checkIssued(above),
    isVerified: x509.verify(above.publicKey),
    isAuthority: x509.ca,
  };
}

const KEYS: Readonly<Record<string, string>> = {
  'ECDSA-P256': 'ec prime256v1',
  'ECDSA-P384': 'ec secp384r1',
  'RSA-2048': 'rsa 2048',
};

/** What it must be seen as. `now` in milliseconds since the epoch. */
export function wanted(
  expected: ExpectedCertificate,
  own: X509Certificate,
  { above, now, algorithm }: { above: Above; now: number; algorithm: string },
): ReturnType<typeof seen> {
  const { name, ca, isAuthority, commonName, organizations, usages, dns, ip } = expected;
  const end = toSecond(now + expected.days * DAY);
  const hasNames = dns.length + ip.length > 0;
  return {
    name,
    version: '020102',
    subject: [...organizations.map((value) => `2.5.4.10=${value}`), `2.5.4.3=${commonName}`],
    extensions: [
      `${keyUsage} critical`,
      ...(usages.length === 0 ? [] : [extendedKeyUsage]),
      `${basicConstraints} critical`,
      keyId,
      issuerKeyId,
      ...(hasNames ? [altNames] : []),
    ],
    keyUsages: ['digitalSignature', 'keyEncipherment', ...(isAuthority ? (['keyCertSign'] as const) : [])],
    usages,
    authority: isAuthority ? (ca === undefined ? {} : { pathLength: 0 }) : undefined,
    dns,
    ip,
    others: [],
    key: KEYS[algorithm] ?? '',
    keyId: keyIdOf(own),
    issuerKeyId: keyIdOf(above.x509),
    isSerialSound: true,
    isSerialZero: false,
    notBefore: toSecond(now - BACKDATE),
    notAfter: ca === undefined ? end : Math.min(end, Date.parse(above.x509.validTo)),
    isIssued: true,
    isVerified: true,
    isAuthority,
  };
}

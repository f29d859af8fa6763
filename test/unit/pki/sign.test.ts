import { X509Certificate } from 'node:crypto';
import type { KeyAlgorithm } from '../../../src/model/pki.ts';
import { NO_ALT_NAMES } from '../../../src/pki/altNames.ts';
import { readCertificate, USAGE_OIDS } from '../../../src/pki/certificate.ts';
import { elementsIn, readElement } from '../../../src/pki/der.ts';
import { issueCertificate, issuerFrom } from '../../../src/pki/issue.ts';
import { keyIdOf, newKeyPair, spkiOf } from '../../../src/pki/keys.ts';
import { ATTRIBUTES, nameOf } from '../../../src/pki/names.ts';
import { newSerial, signCertificate, type Signer, type Template } from '../../../src/pki/sign.ts';
import { authority, DAY, leaf, NOW } from './samples.ts';

const plain = async (changes: Partial<Template> = {}): Promise<Template> => ({
  subject: nameOf([{ type: ATTRIBUTES.CN, value: 'x' }]),
  spki: spkiOf((await newKeyPair('ECDSA-P256')).publicKey),
  altNames: NO_ALT_NAMES,
  keyUsages: ['digitalSignature'],
  extendedKeyUsages: [],
  notBefore: NOW,
  notAfter: NOW + DAY,
  ...changes,
});

async function signer(
  algorithm: KeyAlgorithm = 'ECDSA-P256',
): Promise<Signer & { publicKey: Parameters<X509Certificate['verify']>[0] }> {
  const { privateKey, publicKey } = await newKeyPair(algorithm);
  return { subject: null, keyId: null, key: privateKey, publicKey };
}

/** What is signed, without the serial number, which is random. */
function unsigned(pem: string): string[] {
  const [tbs] = elementsIn(readElement(readCertificate(pem).x509.raw).contents);
  return elementsIn(tbs?.contents ?? Buffer.alloc(0))
    .filter((_, index) => index !== 1)
    .map(({ whole }) => whole.toString('hex'));
}

test('what kbin issues for clusters says this, byte for byte, and nothing else', async () => {
  const ca = authority();
  const [rootKeys, keys] = [await newKeyPair(ca.algorithm), await newKeyPair('ECDSA-P256')];
  const rootPem = issueCertificate(ca, rootKeys, { issuer: null, now: NOW });
  const spec = leaf({ organizations: ['a', 'b'], usages: ['server', 'client'] });
  const issuer = issuerFrom('ca', rootPem, rootKeys.privateKey);
  const attributes = [
    ...spec.organizations.map((value) => ({ type: ATTRIBUTES.O, value })),
    { type: ATTRIBUTES.CN, value: spec.commonName },
  ];
  const template: Template = {
    subject: nameOf(attributes),
    spki: spkiOf(keys.publicKey),
    altNames: { ...NO_ALT_NAMES, dns: spec.dnsNames, ip: spec.ipAddresses },
    keyUsages: ['digitalSignature', 'keyEncipherment'],
    extendedKeyUsages: spec.usages.map((usage) => USAGE_OIDS[usage]),
    notBefore: NOW - 300_000,
    notAfter: NOW + spec.days * DAY,
  };
  expect(unsigned(signCertificate(template, issuer))).toEqual(
    unsigned(issueCertificate(spec, keys, { issuer, now: NOW })),
  );
  const own: Template = {
    ...template,
    subject: nameOf([{ type: ATTRIBUTES.CN, value: ca.commonName }]),
    spki: spkiOf(rootKeys.publicKey),
    altNames: { ...NO_ALT_NAMES, dns: ca.dnsNames },
    keyUsages: ['digitalSignature', 'keyEncipherment', 'keyCertSign'],
    extendedKeyUsages: [],
    authority: {},
    notAfter: NOW + ca.days * DAY,
  };
  const self = { subject: null, keyId: keyIdOf(own.spki), key: rootKeys.privateKey };
  expect(unsigned(signCertificate(own, self))).toEqual(unsigned(rootPem));
});

/** Contents of the object identifiers, in hex. */
test.each<[KeyAlgorithm, string]>([
  ['ECDSA-P256', '2a8648ce3d040302'],
  ['ECDSA-P384', '2a8648ce3d040303'],
  ['RSA-2048', '2a864886f70d01010b'],
  ['RSA-3072', '2a864886f70d01010c'],
])('a %s key signs with the hash of its strength', async (algorithm, oid) => {
  const by = await signer(algorithm);
  const x509 = new X509Certificate(signCertificate(await plain(), by));
  expect(x509.verify(by.publicKey)).toBe(true);
  // Once inside what is signed and once beside the signature.
  expect(x509.raw.toString('hex').split(oid)).toHaveLength(3);
});

test('the signer may be told which hash to take', async () => {
  const by = { ...(await signer('RSA-3072')), signature: 'rsaSha256' as const };
  const x509 = new X509Certificate(signCertificate(await plain(), by));
  expect(x509.verify(by.publicKey)).toBe(true);
  expect(x509.raw.toString('hex').split('2a864886f70d01010b')).toHaveLength(3);
});

test('serial numbers are positive and of at most 63 bits', () => {
  const serials = Array.from({ length: 40 }, () => newSerial());
  expect(new Set(serials.map((serial) => serial.toString('hex'))).size).toBe(40);
  for (const serial of serials) expect(serial.readBigInt64BE() > 0n).toBe(true);
});

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import type { CertSpec, KeyAlgorithm } from '../../../src/model/pki.ts';
import { certificateSpecs } from '../../../src/pki/catalog.ts';
import { describeCertificate, readCertificate } from '../../../src/pki/certificate.ts';
import { issueCertificate, type Issuer, issuerFrom } from '../../../src/pki/issue.ts';
import { algorithmOf, type KeyPair, newKeyPair, parsePrivateKey, privatePem, spkiOf } from '../../../src/pki/keys.ts';
import { authority, DAY, inventory, leaf, NOW, openssl, rows, temporaryDirectory, testWithOpenssl } from './samples.ts';

interface Issued {
  pem: string;
  x509: X509Certificate;
  keys: KeyPair;
}

async function issued(spec: CertSpec, issuer: Issuer | null = null, now = NOW): Promise<Issued> {
  return issuedFor(await newKeyPair(spec.algorithm), spec, issuer, now);
}

function issuedFor(keys: KeyPair, spec: CertSpec, issuer: Issuer | null, now = NOW): Issued {
  const pem = issueCertificate(spec, keys, { issuer, now });
  return { pem, x509: new X509Certificate(pem), keys };
}

const asIssuer = (spec: CertSpec, { pem, keys }: Issued): Issuer => issuerFrom(spec.name, pem, keys.privateKey);

async function chain(ca: CertSpec = authority(), spec: CertSpec = leaf()) {
  const root = await issued(ca);
  return { root, end: await issued(spec, asIssuer(ca, root)) };
}

const directory = temporaryDirectory();
let files = 0;
const file = (...pems: string[]): string => {
  const path = join(directory, `${(files += 1)}.pem`);
  writeFileSync(path, pems.join(''));
  return path;
};
const asText = (pem: string): string => openssl('x509', '-in', file(pem), '-noout', '-text');

/** Contents of the object identifiers ecdsa-with-SHA256, ecdsa-with-SHA384 and sha256WithRSAEncryption. */
const SIGNATURE_OIDS: Record<string, string> = {
  'ECDSA-P256': '2a8648ce3d040302',
  'ECDSA-P384': '2a8648ce3d040303',
  'RSA-2048': '2a864886f70d01010b',
  'RSA-3072': '2a864886f70d01010b',
};

test.each<KeyAlgorithm>(['ECDSA-P256', 'ECDSA-P384', 'RSA-2048', 'RSA-3072'])(
  'a %s authority signs itself and a leaf, and their keys and signatures are of that kind',
  async (algorithm) => {
    const { root, end } = await chain(authority({ algorithm }), leaf({ algorithm }));
    expect(root.x509.ca).toBe(true);
    expect(root.x509.checkIssued(root.x509)).toBe(true);
    expect(root.x509.verify(root.x509.publicKey)).toBe(true);
    expect(end.x509.ca).toBe(false);
    expect(end.x509.checkIssued(root.x509)).toBe(true);
    expect(end.x509.verify(root.x509.publicKey)).toBe(true);
    expect(end.x509.checkPrivateKey(createPrivateKey(privatePem(end.keys.privateKey)))).toBe(true);
    expect(algorithmOf(end.x509.publicKey)).toBe(algorithm);
    // Once inside what is signed and once beside the signature.
    expect(end.x509.raw.toString('hex').split(SIGNATURE_OIDS[algorithm] ?? '')).toHaveLength(3);
  },
);

test('the leaf says what its spec says', async () => {
  const spec = leaf({ organizations: ['a', 'system:nodes'], usages: ['server', 'client'] });
  const { end, root } = await chain(authority(), spec);
  const { pem, keys } = end;
  const texts = { publicPem: pem, keyPem: privatePem(keys.privateKey) };
  const stored = describeCertificate(spec.name, readCertificate(pem), texts);
  const { name, commonName, organizations, dnsNames, ipAddresses, usages, algorithm, isAuthority } = spec;
  expect(stored).toMatchObject({
    name,
    commonName,
    organizations,
    dnsNames,
    ipAddresses,
    usages,
    algorithm,
    isAuthority,
  });
  expect(stored.issuerKeyId).toBe(readCertificate(root.pem).keyId.toString('hex'));
  expect(stored.keyId).not.toBe(stored.issuerKeyId);
  expect(stored.pem).toBeUndefined();
  expect(end.x509.checkHost('worker-1')).toBe('worker-1');
  expect(end.x509.checkIP('fd00::31')).toBe('fd00::31');
});

test('it begins five minutes before now and lasts its days', async () => {
  const { end } = await chain(authority(), leaf({ days: 90 }));
  expect(Date.parse(end.x509.validFrom)).toBe(NOW - 300_000);
  expect(Date.parse(end.x509.validTo)).toBe(NOW + 90 * DAY);
});

test('a leaf never outlives its authority', async () => {
  const { root, end } = await chain(authority({ days: 10 }), leaf({ days: 365 }));
  expect(end.x509.validTo).toBe(root.x509.validTo);
});

test('from 2050 on times are generalized, so both ends of a long life are read correctly', async () => {
  const { x509, pem } = await issued(authority({ days: 10_000 }));
  expect(Date.parse(x509.validTo)).toBe(NOW + 10_000 * DAY);
  const der = readCertificate(pem).x509.raw;
  expect(der.includes(Buffer.from('\x17\x0d261120115500Z', 'latin1'))).toBe(true);
  expect(der.includes(Buffer.from('\x18\x0f20540407120000Z', 'latin1'))).toBe(true);
});

test.each([
  ['expired', NOW + 11 * DAY],
  ['not yet valid', NOW - DAY],
])('an authority that is %s signs nothing', async (_, now) => {
  const ca = authority({ days: 10 });
  const issuer = asIssuer(ca, await issued(ca));
  await expect(issued(leaf(), issuer, now)).rejects.toMatchObject({
    code: 'PKI',
    message:
      'kubelet-serving@worker-1 cannot be issued: its authority ca is valid from 2026-11-20T11:55:00.000Z to 2026-11-30T12:00:00.000Z',
  });
});

test('serial numbers are random, positive and of at most 63 bits', async () => {
  const keys = await newKeyPair('ECDSA-P256');
  const serials = Array.from({ length: 40 }, () => {
    const pem = issueCertificate(authority(), keys, { issuer: null, now: NOW });
    return BigInt(`0x${new X509Certificate(pem).serialNumber}`);
  });
  expect(new Set(serials).size).toBe(40);
  for (const serial of serials) expect(serial > 0n && serial < 2n ** 63n).toBe(true);
  // All of them small would mean that the random bytes are not used.
  expect(serials.some((serial) => serial > 2n ** 56n)).toBe(true);
});

test('names beyond ASCII stay what they are', async () => {
  const { pem } = await issued(authority({ commonName: 'Ärger & Söhne', organizations: ['a@b', 'plain'] }));
  expect(readCertificate(pem)).toMatchObject({ commonName: 'Ärger & Söhne', organizations: ['a@b', 'plain'] });
});

test('a DNS name beyond ASCII is refused', async () => {
  await expect(chain(authority(), leaf({ dnsNames: ['bücher.example'] }))).rejects.toMatchObject({ code: 'PKI' });
});

test('any SANs come back from the certificate', async () => {
  const keys = await newKeyPair('ECDSA-P256');
  const address = fc.oneof(fc.ipV4(), fc.ipV6());
  fc.assert(
    fc.property(fc.array(fc.domain()), fc.array(address), (dnsNames, addresses) => {
      const ipAddresses = certificateSpecs(
        inventory({ certificates: { ...inventory().certificates, apiserverSans: addresses } }),
        rows,
      ).certificates.flatMap((spec) => (spec.name === 'apiserver@cp-1' ? spec.ipAddresses : []));
      const pem = issueCertificate(authority({ dnsNames, ipAddresses }), keys, { issuer: null, now: NOW });
      expect(readCertificate(pem)).toMatchObject({ dnsNames, ipAddresses });
    }),
    { numRuns: 30 },
  );
});

test.each<KeyAlgorithm>(['ECDSA-P256', 'ECDSA-P384', 'RSA-2048'])(
  '%s keys are encoded as OpenSSL does',
  async (algorithm) => {
    const { publicKey, privateKey } = await newKeyPair(algorithm);
    expect(spkiOf(publicKey)).toEqual(publicKey.export({ type: 'spki', format: 'der' }));
    expect(parsePrivateKey(privatePem(privateKey)).equals(privateKey)).toBe(true);
    const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    expect(parsePrivateKey(pkcs8).equals(privateKey)).toBe(true);
  },
);

testWithOpenssl.each<KeyAlgorithm>(['ECDSA-P256', 'ECDSA-P384', 'RSA-2048'])(
  'OpenSSL verifies every %s certificate of the catalog strictly',
  async (algorithm) => {
    const { certificates } = certificateSpecs(
      inventory({ certificates: { ...inventory().certificates, algorithm } }),
      rows,
    );
    const issuers = new Map<string, Issued & { issuer: Issuer }>();
    const ends = new Map<string, string[]>();
    // RSA keys take long to make; leaves may share one, because nothing here depends on it.
    const leafKeys = await newKeyPair(algorithm);
    for (const spec of certificates) {
      const above = issuers.get(spec.ca ?? '');
      const keys = spec.isAuthority ? await newKeyPair(algorithm) : leafKeys;
      const made = issuedFor(keys, spec, above?.issuer ?? null);
      if (spec.isAuthority) issuers.set(spec.name, { ...made, issuer: asIssuer(spec, made) });
      const key = `${spec.ca ?? spec.name} ${spec.usages[0] ?? 'any'}`;
      ends.set(key, [...(ends.get(key) ?? []), file(made.pem)]);
    }
    for (const [key, paths] of ends) {
      const [ca = '', usage = ''] = key.split(' ');
      const purpose = { server: 'sslserver', client: 'sslclient', any: 'any' }[usage] ?? '';
      const bundle = file(issuers.get(ca)?.pem ?? '');
      const at = ['-attime', String(NOW / 1000), '-x509_strict', '-purpose', purpose];
      const answer = openssl('verify', ...at, '-CAfile', bundle, ...paths);
      expect(answer.trim().split('\n')).toEqual(paths.map((path) => `${path}: OK`));
    }
  },
);

testWithOpenssl('key usage and basic constraints are critical, and nobody may sign revocation lists', async () => {
  const { root, end } = await chain();
  expect(asText(root.pem)).toMatch(
    /X509v3 Key Usage: critical\n\s+Digital Signature, Key Encipherment, Certificate Sign\n/,
  );
  expect(asText(root.pem)).toMatch(/X509v3 Basic Constraints: critical\n\s+CA:TRUE\n/);
  expect(asText(end.pem)).toMatch(/X509v3 Key Usage: critical\n\s+Digital Signature, Key Encipherment\n/);
  expect(asText(end.pem)).toMatch(/X509v3 Basic Constraints: critical\n\s+CA:FALSE\n/);
  expect(asText(end.pem)).toMatch(/X509v3 Extended Key Usage: \n\s+TLS Web Server Authentication\n/);
  expect(asText(end.pem)).toMatch(/Version: 3 /);
});

testWithOpenssl('the kubelet signer may sign leaves only', async () => {
  const root = await issued(authority());
  const signerSpec = authority({ name: 'kubelet-signer', ca: 'ca', commonName: 'kbin-kubelet-signer', dnsNames: [] });
  const signer = await issued(signerSpec, asIssuer(authority(), root));
  expect(asText(signer.pem)).toMatch(/X509v3 Basic Constraints: critical\n\s+CA:TRUE, pathlen:0\n/);
  const end = await issued(leaf(), asIssuer(signerSpec, signer));
  const below = await issued(authority({ name: 'x', ca: 'kubelet-signer' }), asIssuer(signerSpec, signer));
  const leafBelow = await issued(leaf(), asIssuer(authority({ name: 'x' }), below));
  const at = ['verify', '-attime', String(NOW / 1000), '-x509_strict', '-CAfile', file(root.pem), '-untrusted'];
  expect(openssl(...at, file(signer.pem), file(end.pem))).toMatch(/: OK/);
  expect(() => openssl(...at, file(signer.pem, below.pem), file(leafBelow.pem))).toThrow(
    /path length constraint exceeded/,
  );
});

import fc from 'fast-check';
import type { CertSpec, KeyAlgorithm, KeyUsage } from '../../../src/model/pki.ts';
import { certificateSpecs } from '../../../src/pki/catalog.ts';
import { describeChain, readChain } from '../../../src/pki/chain.ts';
import { elementsIn, integer, readElement, sequence, toDer, verbatim } from '../../../src/pki/der.ts';
import { issueCertificate, type Issuer, issuerFrom } from '../../../src/pki/issue.ts';
import { describeIssued } from '../../../src/pki/issued.ts';
import { type KeyPair, newKeyPair, privatePem } from '../../../src/pki/keys.ts';
import { fromPem, toPem } from '../../../src/pki/pem.ts';
import { authority, DAY, inventory, leaf, NOW, rows } from './samples.ts';

const caKeys = await newKeyPair('ECDSA-P256');
const caPem = issueCertificate(authority({ days: 30_000 }), caKeys, { issuer: null, now: NOW });
const ca = issuerFrom('ca', caPem, caKeys.privateKey);
const leafKeys = await newKeyPair('ECDSA-P256');

interface Circumstances {
  issuer?: Issuer | null;
  change?: (pem: string) => string;
}

/** What is told at once, and what is told when the files are read. */
function bothOf(spec: CertSpec, keys: KeyPair, { issuer = ca, change = (pem) => pem }: Circumstances = {}) {
  const own = change(issueCertificate(spec, keys, { issuer, now: NOW + 456 }));
  const texts = { publicPem: `${own}${issuer?.presented ?? ''}`, keyPem: privatePem(keys.privateKey) };
  return {
    told: describeIssued(spec, issuer, texts),
    read: describeChain(spec.name, readChain(texts.publicPem), texts),
  };
}

function expectSame(...wish: Parameters<typeof bothOf>): void {
  const { told, read } = bothOf(...wish);
  expect(told).toEqual(read);
}

const catalog = certificateSpecs(inventory(), rows).certificates;

test.each(catalog.map((spec) => [spec.name, spec] as const))('%s', (_, spec) => {
  expectSame(spec, leafKeys, { issuer: spec.ca === undefined ? null : ca });
});

test.each<KeyAlgorithm>(['ECDSA-P256', 'ECDSA-P384', 'RSA-2048', 'RSA-3072'])('with a key of %s', async (algorithm) => {
  expectSame(leaf({ algorithm }), await newKeyPair(algorithm));
});

test.each<[string, Partial<CertSpec>]>([
  ['from 2050 on', { days: 20_000 }],
  ['cut off by its authority', { days: 40_000 }],
  ['for half a day', { days: 0.5 }],
  ['with usages in another order than the catalog', { usages: ['client', 'server'] }],
  ['without usages and names', { usages: [], dnsNames: [], ipAddresses: [] }],
  ['with addresses written otherwise', { ipAddresses: ['FD00:0:0::0031', '::ffff:10.0.0.1', '10.0.0.1'] }],
  ['with several organizations', { organizations: ['b', 'Größe', 'a'] }],
])('a leaf %s', (_, changes) => {
  expectSame(leaf(changes), leafKeys);
});

test('a leaf that signs itself', () => {
  expectSame(leaf(), leafKeys, { issuer: null });
});

test('a leaf with what stands between its authority and the root', () => {
  const between = authority({ name: 'kubelet-signer', ca: 'ca', commonName: 'between' });
  const pem = issueCertificate(between, leafKeys, { issuer: ca, now: NOW });
  const issuer = { ...issuerFrom('kubelet-signer', pem, leafKeys.privateKey), presented: pem };
  expectSame(leaf(), leafKeys, { issuer });
  expect(bothOf(leaf(), leafKeys, { issuer }).told.chainKeyIds).toHaveLength(1);
});

/** The same certificate with another serial number; its signature is no longer right. */
function withSerial(pem: string, serial: string): string {
  const [tbs, ...signature] = elementsIn(readElement(fromPem(pem, ['CERTIFICATE']).der).contents);
  const [version, , ...others] = elementsIn(tbs!.contents).map(({ whole }) => verbatim(whole));
  const body = sequence(version!, integer(Buffer.from(serial, 'hex')), ...others);
  return toPem('CERTIFICATE', toDer(sequence(body, ...signature.map(({ whole }) => verbatim(whole)))));
}

test.each(['c0ffee00c0ffee', '0100000000000000', '7fffffffffffffff', '0a'])('the serial number %s', (serial) => {
  const change = (pem: string): string => withSerial(pem, serial);
  expectSame(leaf(), leafKeys, { change });
  expect(bothOf(leaf(), leafKeys, { change }).told.serial).toBe(serial.toUpperCase());
});

test('whatever the names, times and usages', () => {
  const usages = fc.uniqueArray(fc.constantFrom<KeyUsage>('server', 'client'));
  const words = fc.array(fc.stringMatching(/^[a-z0-9]{1,20}$/), { maxLength: 3 });
  fc.assert(
    fc.property(usages, words, words, fc.integer({ min: 1, max: 29_000 }), (used, dnsNames, organizations, days) => {
      expectSame(leaf({ usages: used, dnsNames, organizations, days: days + 17_000 / DAY }), leafKeys);
    }),
    { numRuns: 200 },
  );
});

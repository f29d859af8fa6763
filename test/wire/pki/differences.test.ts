import { readFileSync, writeFileSync } from 'node:fs';
import { jest } from '@jest/globals';
import {
  certInfo,
  cfssl,
  comparable,
  file,
  folder,
  isCfsslHere,
  isOldCfssl,
  kbin,
  openssl,
  signerFiles,
  type Wish,
} from './programs.ts';
import { expectSame } from './sameness.ts';
import { CONFIG, newSigner, signerHere } from './wishes.ts';

/** Where kbin differs from cfssl on purpose; every one has its test. */
const DIFFERENCES = {
  serial: '63 random bits as kubeadm makes, not 159',
  keyId: 'the first 160 bits of SHA-256 of the key (RFC 7093), not SHA-1',
  clipped: 'a certificate ends with its authority at the latest',
  uri: 'URIs among the hosts are URIs; until 1.2 cfssl took them for DNS names',
  names: 'E and OID of a name are written, E as an IA5String; until 1.2 cfssl left them out',
  refused: 'what cfssl signs although nobody could use it, or other than was asked',
} as const;

jest.setTimeout(120_000);
const testWithCfssl = isCfsslHere ? test : test.skip;

testWithCfssl(DIFFERENCES.serial, async () => {
  const wish = { request: { CN: 'x' }, signer: signerHere() };
  expect(BigInt(certInfo((await kbin(wish)).cert).serial_number) < 2n ** 63n).toBe(true);
  expect(BigInt(certInfo(cfssl(wish).cert).serial_number) > 2n ** 63n).toBe(true);
});

testWithCfssl(DIFFERENCES.keyId, async () => {
  const wish = { request: { CN: 'x' }, signer: signerHere() };
  for (const [{ cert }, digest] of [
    [await kbin(wish), 'sha256'],
    [cfssl(wish), 'sha1'],
  ] as const) {
    const path = file(cert);
    const point = openssl('x509', '-in', path, '-noout', '-text').match(/pub:\n([\s0-9a-f:]+?)\n\s+ASN1/)?.[1] ?? '';
    const bytes = `${folder}/point`;
    writeFileSync(bytes, Buffer.from(point.replace(/[\s:]/g, ''), 'hex'));
    const hash = openssl('dgst', `-${digest}`, '-r', bytes).slice(0, 40).toUpperCase();
    const id = openssl('x509', '-in', path, '-noout', '-ext', 'subjectKeyIdentifier');
    expect(id.replaceAll(':', '')).toContain(hash);
  }
});

testWithCfssl(DIFFERENCES.clipped, async () => {
  const signer = newSigner({ CN: 'short', ca: { expiry: '24h' } });
  const wish = { request: { CN: 'x' }, signer };
  const [ours, theirs] = [certInfo((await kbin(wish)).cert), certInfo(cfssl(wish).cert)];
  expect(ours.not_after).toBe(certInfo(readFileSync(signer.ca, 'utf8')).not_after);
  expect(Date.parse(theirs.not_after) - Date.parse(ours.not_after)).toBeGreaterThan(300 * 86_400_000);
});

testWithCfssl(DIFFERENCES.uri, async () => {
  const wish = { request: { CN: 'x', hosts: ['https://a.example/x', 'spiffe://td/a'] }, signer: signerHere() };
  const [ours, theirs] = [await kbin(wish), cfssl(wish)];
  expect(comparable(ours.cert)).toContain('URI:https://a.example/x, URI:spiffe://td/a');
  if (isOldCfssl) expect(comparable(theirs.cert)).toContain('DNS:https://a.example/x, DNS:spiffe://td/a');
  else expectSame(ours, theirs);
});

testWithCfssl(DIFFERENCES.names, async () => {
  const request = { CN: 'x', names: [{ O: 'Acme', OID: { '1.2.3.4': 'v' }, E: 'ops@acme.example' }] };
  const wish = { request, signer: signerHere() };
  const [ours, theirs] = [await kbin(wish), cfssl(wish)];
  expect(comparable(ours.cert)).toContain('O = Acme, CN = x, 1.2.3.4 = v, emailAddress = ops@acme.example');
  expect(openssl('asn1parse', '-in', file(ours.cert))).toMatch(/IA5STRING\s+:ops@acme\.example/);
  if (isOldCfssl) expect(comparable(theirs.cert)).toMatch(/O = Acme, CN = x\n/);
  else expectSame(ours, theirs);
});

/** What cfssl does without a word, and kbin not at all. */
const signing = (profile: object) => file({ signing: { default: { expiry: '1h', usages: ['signing'], ...profile } } });
const leaf = { CN: 'x' };
const REFUSED: [string, string, () => Wish][] = [
    ['a profile that is not there: cfssl takes the default', 'USAGE', () => ({ request: leaf, signer: signerHere(), config: CONFIG, profile: 'sever' })],
    ['a usage that is none: cfssl leaves it out', 'USAGE', () => ({ request: leaf, signer: signerHere(), config: signing({ usages: ['signing', 'server auht'] }) })],
    ['neither a name nor a host', 'USAGE', () => ({ request: {}, signer: signerHere() })],
    ['an unknown key: cfssl passes over it', 'USAGE', () => ({ request: { CN: 'x', host: ['a.b'] }, signer: signerHere() })],
    ['a host with a port: cfssl makes it a DNS name or a URI', 'USAGE', () => ({ request: { CN: 'x', hosts: ['a.b:443'] }, signer: signerHere() })],
    ['half an address: cfssl makes it a DNS name', 'USAGE', () => ({ request: { CN: 'x', hosts: ['10.0.0'] }, signer: signerHere() })],
    ['an authority that may not sign', 'USAGE', () => ({ request: leaf, signer: signerHere(), config: signing({ ca_constraint: { is_ca: true } }) })],
    ['a signer that is no authority', 'USAGE', () => ({ request: leaf, signer: signerHere(), config: signing({ usages: ['cert sign'] }) })],
    ['an expiry that backdating uses up', 'PKI', () => ({ request: leaf, signer: signerHere(), config: signing({ expiry: '4m' }) })],
    ['a certificate of a leaf as the authority', 'PKI', () => ({ request: leaf, signer: signerFiles(cfssl({ request: leaf, signer: signerHere() })) })],
    ['an authority that has expired', 'PKI', () => ({ request: leaf, signer: newSigner({ CN: 'old', ca: { expiry: '1m' } }) })],
    ['an authority below one that allows none', 'PKI', () => ({ request: leaf, signer: newSigner({ CN: 'zero', ca: { pathlenzero: true } }), config: CONFIG, profile: 'ca' })],
    ['an authority without a subject', 'PKI', () => ({ request: { hosts: ['a.b'] }, signer: signerHere(), config: CONFIG, profile: 'ca' })],
  ]; // prettier-ignore

testWithCfssl.each(REFUSED)(`${DIFFERENCES.refused}: %s`, async (_, code, wish) => {
  const wanted = wish();
  expect(cfssl(wanted).cert).toContain('BEGIN CERTIFICATE');
  await expect(kbin(wanted)).rejects.toMatchObject({ code });
});

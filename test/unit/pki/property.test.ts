import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import type { KeyAlgorithm } from '../../../src/model/pki.ts';
import * as realKeys from '../../../src/pki/keys.ts';
import { expectedCertificates, type ExpectedCertificate } from './expectedCertificates.ts';
import { Random } from './random.ts';
import { inventoryText, randomSite, type Site } from './randomInventory.ts';
import { openssl, rows, temporaryDirectory, testWithOpenssl } from './samples.ts';
import { seen, wanted } from './seenCertificate.ts';

/** RSA keys take a tenth of a second each: these are used in turn, so that those of the authorities of a site differ. */
const RSA_KEYS = 6;
const rsaKeys = Array.from({ length: RSA_KEYS }, () => realKeys.newKeyPair('RSA-2048'));
let taken = 0;
jest.unstable_mockModule('../../../src/pki/keys.ts', () => ({
  ...realKeys,
  newKeyPair: (algorithm: KeyAlgorithm) =>
    algorithm === 'RSA-2048' ? rsaKeys[(taken += 1) % RSA_KEYS] : realKeys.newKeyPair(algorithm),
}));
const { loadInventory } = await import('../../../src/inventory/load.ts');
const { certificateSpecs } = await import('../../../src/pki/catalog.ts');
const { openPkiStore } = await import('../../../src/pki/store.ts');

/** Others: KBIN_SEEDS="1000 1001" npm test -- test/unit/pki/property */
const SEEDS = (process.env['KBIN_SEEDS'] ?? '1 2 3 4 5 6 7 8 9 10 11 12').split(' ').map(Number);
const OPENSSL_SEEDS = SEEDS.slice(0, 5);

const base = temporaryDirectory();

interface Made {
  site: Site;
  /** When authorities were made, and everything else; milliseconds since the epoch. */
  begun: number;
  now: number;
  expected: ExpectedCertificate[];
  /** PEM by name, of everything that was issued. */
  pems: Map<string, string>;
}

/** Every certificate of a random site, by the way of its inventory file and a store. */
async function make(seed: number): Promise<Made> {
  const site = randomSite(seed);
  const file = join(base, `${seed}.yaml`);
  writeFileSync(file, inventoryText(site));
  const inventory = await loadInventory(file);
  // Until 2049: what begins then ends in the other of X.509's two ways to write a time.
  const random = new Random(seed);
  const begun = Date.UTC(2026, 0, 1) + random.whole(0, 24 * 365 * 86_400) * 1000 + (seed % 1000);
  // So late that what would last as long as its authority has to be cut short.
  const now = begun + random.whole(0, site.caDays * 86_400 - 1) * 1000;
  const store = openPkiStore(join(base, `${seed}`));
  const { certificates } = certificateSpecs(inventory, rows);
  await store.issueAll(
    certificates.filter(({ isAuthority }) => isAuthority),
    begun,
  );
  await store.issueAll(
    certificates.filter(({ isAuthority }) => !isAuthority),
    now,
  );
  const pems = new Map<string, string>();
  for (const { name } of certificates)
    pems.set(name, (await store.read({ certificate: name, part: 'certificate' })).reveal());
  return { site, begun, now, expected: expectedCertificates(site), pems };
}

/** Names and addresses of a certificate for which OpenSSL does not take it, and others for which it does. */
function refusedNames(x509: X509Certificate, { dns, ip }: ExpectedCertificate): string[] {
  const isFor = (name: string): boolean => x509.checkHost(name.replace('*', 'any'), { subject: 'never' }) !== undefined;
  return [
    ...dns.filter((name) => !isFor(name)),
    ...ip.map(shownAddress).filter((address) => x509.checkIP(address) === undefined),
    ...['other.example', ...dns.map((name) => `other-${name.replace('*', 'a')}`)].filter(
      (name) => isFor(name) && !dns.some((own) => own.startsWith('*.') && name.endsWith(own.slice(1))),
    ),
    ...['198.51.100.7', '2001:db8:ffff::7'].filter((address) => x509.checkIP(address) !== undefined),
  ];
}

const shownAddress = (hex: string): string =>
  hex.length === 8 ? [...Buffer.from(hex, 'hex')].join('.') : (hex.match(/.{4}/g) ?? []).join(':');

const made = new Map<number, Promise<Made>>();
const madeOf = (seed: number): Promise<Made> => {
  const own = made.get(seed) ?? make(seed);
  made.set(seed, own);
  return own;
};

describe.each(SEEDS)('seed %i', (seed) => {
  test('every certificate is what catalog and inventory say, and nothing else is made', async () => {
    const { site, begun, now, expected, pems } = await madeOf(seed);
    expect([...pems.keys()].sort()).toEqual(expected.map(({ name }) => name).sort());
    const x509 = new Map([...pems].map(([name, pem]) => [name, new X509Certificate(pem)]));
    for (const one of expected) {
      const [pem, own, above] = [pems.get(one.name)!, x509.get(one.name)!, { x509: x509.get(one.ca ?? one.name)! }];
      expect(seen(one.name, pem, above)).toEqual(
        wanted(one, own, { above, now: one.isAuthority ? begun : now, algorithm: site.algorithm }),
      );
      expect([one.name, ...refusedNames(own, one)]).toEqual([one.name]);
    }
    const serials = [...x509.values()].map(({ serialNumber }) => serialNumber);
    expect(new Set(serials).size).toBe(serials.length);
  });
});

const PURPOSES: Readonly<Record<string, string>> = { server: 'sslserver', client: 'sslclient' };

testWithOpenssl.each(OPENSSL_SEEDS)('seed %i: openssl takes every chain, by the strictest rules', async (seed) => {
  const { now, expected } = await madeOf(seed);
  const fileOf = (name: string): string => join(base, `${seed}`, name.replace(/^(.*)@(.*)$/, 'hosts/$2/$1') + '.crt');
  const verify = (ca: string, purpose: string[], names: string[]): void => {
    if (names.length === 0) return;
    const moment = String(Math.ceil(now / 1000));
    const files = names.map(fileOf);
    const said = openssl('verify', '-x509_strict', '-attime', moment, '-CAfile', fileOf(ca), ...purpose, ...files);
    expect(said.trim().split('\n')).toEqual(files.map((file) => `${file}: OK`));
  };
  for (const { name: ca } of expected.filter((one) => one.isAuthority && one.ca === undefined)) {
    const signed = expected.filter((one) => one.ca === ca);
    verify(ca, [], [ca, ...signed.map(({ name }) => name)]);
    for (const [usage, purpose] of Object.entries(PURPOSES))
      verify(
        ca,
        ['-purpose', purpose],
        signed.filter(({ usages }) => usages.includes(usage)).map(({ name }) => name),
      );
  }
});

import { describe, expect, test } from '@jest/globals';
import { sha256, unitStamp } from '../../../src/model/digest.ts';
import type { Body } from '../../../src/model/resource.ts';
import { bodyDigest } from '../../../src/plan/content.ts';
import { INVENTORIES } from '../../fake/site.ts';
import { stored } from './ground.ts';
import { converged } from './world.ts';

const certificates = {
  ca: stored('ca', { isAuthority: true, pem: 'CA\n' }),
  signer: stored('signer', { isAuthority: true, pem: 'SIGNER\n' }),
  sa: stored('sa'),
};
const NONE = new Set<string>();
const part = (certificate: string, of: 'certificate' | 'key' | 'public-key'): Body => ({
  secret: { certificate, part: of },
});
const concat = (...names: string[]): Body => ({
  concat: names.map((certificate) => ({ certificate, part: 'certificate' })),
});

test.each<[string, Body, string | null]>([
  ['a text', { text: 'a: 1\n' }, sha256('a: 1\n')],
  ['a text that is not ASCII', { text: 'ü' }, sha256(Buffer.from('ü', 'utf8'))],
  ['a certificate', part('ca', 'certificate'), certificates.ca.certSha256],
  ['a key', part('sa', 'key'), certificates.sa.keySha256],
  ['a public key', part('sa', 'public-key'), certificates.sa.certSha256],
  ['a certificate that does not exist', part('gone', 'key'), null],
  ['a bundle', concat('ca', 'signer'), sha256('CA\nSIGNER\n')],
  ['a bundle in another order', concat('signer', 'ca'), sha256('SIGNER\nCA\n')],
  ['a bundle with one that does not exist', concat('ca', 'gone'), null],
  ['a bundle of no authority', concat('ca', 'sa'), null],
])('the digest of %s is that of its bytes', (_name, body, expected) => {
  expect(bodyDigest(body, certificates, NONE)).toBe(expected);
});

describe('what is issued now', () => {
  test('has no digest, whatever the store still holds', () => {
    const issued = new Set(['ca']);
    expect(bodyDigest(part('ca', 'certificate'), certificates, issued)).toBeNull();
    expect(bodyDigest(concat('ca', 'signer'), certificates, issued)).toBeNull();
    expect(bodyDigest(part('sa', 'key'), certificates, issued)).toBe(certificates.sa.keySha256);
    expect(bodyDigest({ text: 'ca' }, certificates, issued)).toBe(sha256('ca'));
  });
});

test('the digests are those of what a deploy really writes', async () => {
  const { site, facts } = await converged(INVENTORIES.single);
  const { disk } = site.world.machine('solo');
  const files = site.desired.hosts['solo']!.filter((resource) => resource.kind === 'file');
  expect(files.length).toBeGreaterThan(20);
  for (const { path, body } of files) {
    expect({ path, digest: bodyDigest(body, facts.local.certificates, NONE) }).toEqual({
      path,
      digest: sha256(disk.text(path)!),
    });
  }
});

describe('the digest of a unit’s inputs', () => {
  test('does not depend on their order', () => {
    expect(unitStamp({ a: '1', b: '2' })).toBe(unitStamp({ b: '2', a: '1' }));
  });

  test('depends on every name and every content', () => {
    const digests = [{ a: '1', b: '2' }, { a: '2', b: '1' }, { a: '1' }, { a: '1', c: '2' }, {}].map((inputs) =>
      unitStamp(inputs),
    );
    expect(new Set(digests).size).toBe(digests.length);
  });

  test('keeps apart what is read again on a reload', () => {
    const stamp = unitStamp({ a: '1', b: '2' }, ['b']);
    expect(stamp).toMatch(/^[0-9a-f]{64} [0-9a-f]{64}$/);
    const [kept, again] = stamp.split(' ');
    expect(unitStamp({ a: '1', b: '3' }, ['b']).split(' ')).toEqual([kept, expect.not.stringMatching(again!)]);
    expect(unitStamp({ a: '2', b: '2' }, ['b']).split(' ')).toEqual([expect.not.stringMatching(kept!), again]);
  });
});

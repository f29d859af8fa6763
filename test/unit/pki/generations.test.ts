import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { trustedOf, type CertificateName } from '../../../src/model/pki.ts';
import type { NextGeneration, Pki } from '../../../src/model/ports.ts';
import { bodyDigest } from '../../../src/plan/content.ts';
import { sha256Hex } from '../../../src/pki/certificate.ts';
import { issueReason } from '../../../src/pki/expiry.ts';
import { openPkiStore } from '../../../src/pki/store.ts';
import { authority, leaf, NOW, temporaryDirectory } from './samples.ts';

const base = temporaryDirectory();
let stores = 0;

const SIGNER = authority({ name: 'kubelet-signer', ca: 'ca', commonName: 'kbin-kubelet-signer' });
const LEAF = leaf({ ca: 'ca' });
const CA: NextGeneration = { name: 'ca', authorities: [authority(), SIGNER], keyPairs: [] };
const SA: NextGeneration = { name: 'sa', authorities: [], keyPairs: [{ name: 'sa', algorithm: 'ECDSA-P256' }] };

async function store(): Promise<{ directory: string; pki: Pki }> {
  const directory = join(base, `pki-${(stores += 1)}`);
  const pki = openPkiStore(directory);
  await pki.issueAll([authority(), SIGNER, LEAF], NOW);
  await pki.issueKeyPair({ name: 'sa', algorithm: 'ECDSA-P256' });
  return { directory, pki };
}

const keyIds = async (pki: Pki, name: CertificateName): Promise<string[]> =>
  trustedOf(name, await pki.list()).map(({ keyId }) => keyId);

const reasonFor = async (pki: Pki): Promise<string | null> => {
  const stored = await pki.list();
  return issueReason({ spec: LEAF, stored: stored[LEAF.name], issuer: stored['ca'], now: NOW });
};

test('a rotation goes from trust over sign to the end, and the bundle changes only at its ends', async () => {
  const { pki } = await store();
  const id = await pki.clusterId();
  const bundle = async (): Promise<string> => (await pki.read({ certificate: 'ca', part: 'trusted' })).reveal();
  const [alone, before] = [await bundle(), await keyIds(pki, 'ca')];

  expect(await pki.begin(CA, NOW)).toEqual({
    name: 'ca',
    members: ['ca', 'kubelet-signer'],
    stage: 'trust',
    startedAt: NOW,
  });
  const both = await bundle();
  expect(await keyIds(pki, 'ca')).toHaveLength(2);
  expect(await keyIds(pki, 'kubelet-signer')).toHaveLength(2);
  const next = await pki.list();
  expect(next['kubelet-signer-next']?.issuerKeyId).toBe(next['ca-next']?.keyId);
  expect(await reasonFor(pki)).toBeNull();

  expect((await pki.promote('ca')).stage).toBe('sign');
  expect(await bundle()).toBe(both);
  expect((await pki.list())['ca']?.keyId).toBe(next['ca-next']?.keyId);
  expect((await pki.list())['ca-old']?.keyId).toBe(before[0]);
  expect(await reasonFor(pki)).toMatch(/signed by another key/);
  await pki.issueAll([LEAF], NOW);
  expect(await reasonFor(pki)).toBeNull();

  expect((await pki.distrust('ca')).stage).toBe('untrust');
  expect(await keyIds(pki, 'ca')).toEqual([next['ca-next']?.keyId]);
  expect(await bundle()).not.toContain(alone.trim().split('\n')[3]);
  await pki.end('ca');
  expect(await pki.rotations()).toEqual([]);
  expect(Object.keys(await pki.list()).filter((name) => /-(next|old)$/.test(name))).toEqual([]);
  // Hosts know the cluster by its first CA.
  expect(await pki.clusterId()).toBe(id);
});

test('a rotated key pair is trusted beside the one that signs', async () => {
  const { pki } = await store();
  await pki.begin(SA, NOW);
  const { sa, 'sa-next': next } = await pki.list();
  const trusted = (await pki.read({ certificate: 'sa', part: 'trusted' })).reveal();
  expect(trusted.match(/BEGIN PUBLIC KEY/g)).toHaveLength(2);
  for (const each of [sa, next]) expect(trusted).toContain(each?.pem);
});

test('what the planner takes a bundle for is what the store gives out', async () => {
  const { pki } = await store();
  const concat = ['ca', 'kubelet-signer'].map((certificate) => ({ certificate, part: 'trusted' as const }));
  for (const move of [() => pki.begin(CA, NOW), () => pki.promote('ca'), () => pki.distrust('ca')]) {
    await move();
    const texts = await Promise.all(concat.map((ref) => pki.read(ref)));
    const text = texts.map((secret) => secret.reveal()).join('');
    expect(bodyDigest({ concat }, await pki.list(), new Set())).toBe(sha256Hex(text));
  }
});

test('every move of the store is done once, whoever repeats it', async () => {
  const { pki } = await store();
  await pki.begin(CA, NOW);
  await expect(pki.begin(CA, NOW)).rejects.toMatchObject({ code: 'PKI', message: 'ca is being rotated already' });
  await expect(pki.distrust('ca')).rejects.toMatchObject({ code: 'PKI' });
  await pki.promote('ca');
  const promoted = await pki.list();
  await pki.promote('ca');
  expect(await pki.list()).toEqual(promoted);
  await pki.distrust('ca');
  await pki.distrust('ca');
  await pki.end('ca');
  await pki.end('ca');
  await expect(pki.promote('ca')).rejects.toMatchObject({ code: 'PKI' });
});

test('the retired generation is kept aside, and signs for probes only', async () => {
  const { directory, pki } = await store();
  const old = readFileSync(join(directory, 'ca.key'), 'utf8');
  await pki.begin(CA, NOW);
  await pki.promote('ca');
  await pki.distrust('ca');
  const [folder = ''] = readdirSync(join(directory, 'retired'));
  expect(readFileSync(join(directory, 'retired', folder, 'ca-old.key'), 'utf8')).toBe(old);
  const probe = { authority: 'ca', generation: 'retired', commonName: 'kbin-probe' } as const;
  expect((await pki.probeIdentity(probe, NOW)).certificate).toContain('BEGIN CERTIFICATE');
  expect(Object.keys(await pki.list())).not.toContain('probe');
});

test('a rotation can be repeated, and the second retires the first', async () => {
  const { pki } = await store();
  for (const now of [NOW, NOW + 1000]) {
    await pki.begin(CA, now);
    await pki.promote('ca');
    await pki.issueAll([LEAF], now);
    await pki.distrust('ca');
    await pki.end('ca');
  }
  expect(await keyIds(pki, 'ca')).toHaveLength(1);
});

test('a damaged record is named', async () => {
  const { directory, pki } = await store();
  writeFileSync(join(directory, 'rotations.json'), '{', { mode: 0o600 });
  await expect(pki.rotations()).rejects.toMatchObject({
    code: 'PKI',
    message: expect.stringContaining('rotations.json'),
  });
});

import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { givenNext } from '../../../../src/commands/certs/rotateTo.ts';
import type { Engine } from '../../../../src/engine/engine.ts';
import { nextGeneration, rotate } from '../../../../src/engine/rotation.ts';
import { certificateSpecs } from '../../../../src/pki/catalog.ts';
import { certificatesIn } from '../../../../src/pki/chain.ts';
import { sha256Hex } from '../../../../src/pki/certificate.ts';
import { issueReason } from '../../../../src/pki/expiry.ts';
import { adopt } from '../../../../src/pki/outside/adopt.ts';
import { givenAuthority } from '../../../../src/pki/outside/givenAuthority.ts';
import { openPkiStore } from '../../../../src/pki/store.ts';
import { bodyDigest } from '../../../../src/plan/content.ts';
import { inventory, rows, temporaryDirectory, testWithOpenssl } from '../samples.ts';
import { CA, filesOf, make, textOf, wish, type Made } from './authorities.ts';

const AKI = 'authorityKeyIdentifier=keyid';
const base = temporaryDirectory();
let worlds = 0;

const { certificates } = certificateSpecs(inventory(), rows);
const ADMIN = certificates.find(({ name }) => name === 'admin')!;

/** A store with everything in it, and what a command has in hand. */
async function newWorld() {
  const folder = join(base, `world-${(worlds += 1)}`);
  mkdirSync(folder);
  const directory = join(folder, 'pki');
  const pki = openPkiStore(directory);
  await pki.issueAll(certificates, Date.now());
  const engine = { inventory: inventory(), rows, pki, clock: { now: () => Date.now() } } as unknown as Engine;
  return { folder, directory, pki, engine };
}

const below = (folder: string): { root: Made; own: Made } => {
  const root = make(folder, 'root');
  return { root, own: make(folder, 'issuing', { issuer: root, extensions: [...CA, AKI] }) };
};

testWithOpenssl(
  'an authority is rotated to a given one: trusted beside the old, then signing, with all that is above it',
  async () => {
    const { folder, directory, pki, engine } = await newWorld();
    const { root, own } = below(folder);
    const given = await givenNext(engine, 'ca', { cert: own.certificate, key: own.key, chain: root.certificate });
    expect(given?.above).toEqual([textOf(root.certificate)]);
    const before = (await pki.list())['ca']!;
    await pki.begin({ ...nextGeneration(engine, 'ca'), given: given! }, Date.now());
    const trusting = await pki.list();
    expect(trusting['ca-next']).toMatchObject({ commonName: 'issuing', above: [textOf(root.certificate)] });
    expect(trusting['kubelet-signer-next']?.issuerKeyId).toBe(trusting['ca-next']?.keyId);
    // What clients and servers are verified with, as the planner and the store have it.
    for (const part of ['trusted', 'roots'] as const) {
      const text = (await pki.read({ certificate: 'ca', part })).reveal();
      expect(text.split(textOf(root.certificate))).toHaveLength(part === 'roots' ? 2 : 1);
      expect(text).toContain(before.pem);
      expect(text).toContain(textOf(own.certificate));
      expect(bodyDigest({ concat: [{ certificate: 'ca', part }] }, trusting, new Set())).toBe(sha256Hex(text));
    }
    await pki.promote('ca');
    const signing = await pki.list();
    expect(issueReason({ spec: ADMIN, stored: signing['admin'], issuer: signing['ca'], now: Date.now() })).toBe(
      'signed by another key than that of ca',
    );
    await pki.issue(ADMIN, Date.now());
    expect(certificatesIn(textOf(join(directory, 'admin.crt')))).toHaveLength(2);
    await pki.distrust('ca');
    await pki.end('ca');
    const { ca, admin } = await pki.list();
    expect(ca).toMatchObject({ commonName: 'issuing', above: [textOf(root.certificate)] });
    expect(issueReason({ spec: ADMIN, stored: admin, issuer: ca, now: Date.now() })).toBeNull();
  },
);

testWithOpenssl('and back to one of kbin’s own: nothing of what was above stays', async () => {
  const { folder, directory, pki, engine } = await newWorld();
  const { root, own } = below(folder);
  const given = await givenNext(engine, 'ca', { cert: own.certificate, key: own.key, chain: root.certificate });
  for (const next of [{ given: given! }, {}]) {
    await pki.begin({ ...nextGeneration(engine, 'ca'), ...next }, Date.now());
    await pki.promote('ca');
    await pki.distrust('ca');
    await pki.end('ca');
  }
  expect((await pki.list())['ca']).toMatchObject({ commonName: 'kubernetes' });
  expect((await pki.list())['ca']?.above).toBeUndefined();
  expect((await pki.read({ certificate: 'ca', part: 'roots' })).reveal()).not.toContain(textOf(root.certificate));
  expect(readdirSync(directory).filter((file) => file.startsWith('ca'))).toEqual(['ca.crt', 'ca.key']);
});

testWithOpenssl('a rotation under way is gone on with, but not turned to another authority', async () => {
  const { folder, pki, engine } = await newWorld();
  const [first, second] = [make(folder, 'first'), make(folder, 'second')];
  const given = async (one: Made) => (await givenNext(engine, 'etcd-ca', { cert: one.certificate, key: one.key }))!;
  await pki.begin({ ...nextGeneration(engine, 'etcd-ca'), given: await given(first) }, Date.now());
  const options = { agree: () => Promise.resolve(), tell: () => undefined, given: await given(second) };
  await expect(rotate(engine, 'etcd-ca', options)).rejects.toMatchObject({
    code: 'PKI',
    message: 'the etcd CA is being rotated already, to another one',
  });
});

testWithOpenssl('what signs outside is not rotated, and nothing is written', async () => {
  const folder = join(base, 'outside');
  mkdirSync(folder);
  const directory = join(folder, 'pki');
  const given = givenAuthority(filesOf(make(folder, 'acme'), { key: null }), wish({ name: 'etcd-ca', below: 0 }));
  if ('faults' in given) throw new Error(given.faults.join());
  await adopt({ directory, rows }, [given]);
  const pki = openPkiStore(directory);
  const spec = certificates.find(({ name }) => name === 'etcd-ca')!;
  await expect(pki.begin({ name: 'etcd-ca', authorities: [spec], keyPairs: [] }, Date.now())).rejects.toMatchObject({
    code: 'PKI',
    message: 'the key of etcd-ca is kept outside: kbin cannot sign with it',
  });
  expect(readdirSync(directory).toSorted()).toEqual(['etcd-ca.crt', 'etcd-ca.json']);
});

testWithOpenssl.each([
  ['a certificate alone', (own: Made) => ({ cert: own.certificate }), 'USAGE', '--cert and --key belong together'],
  ['a key alone', (own: Made) => ({ key: own.key }), 'USAGE', '--cert and --key belong together'],
  [
    'the key of another',
    (own: Made, other: Made) => ({ cert: own.certificate, key: other.key }),
    'PKI',
    /other\.key is not the key of .*own\.pem$/,
  ],
] as const)('refused: %s', async (_, args, code, message) => {
  const { folder, engine } = await newWorld();
  const [own, other] = [make(folder, 'own'), make(folder, 'other')];
  await expect(givenNext(engine, 'ca', args(own, other))).rejects.toMatchObject({
    code,
    message: typeof message === 'string' ? message : expect.stringMatching(message),
  });
});

testWithOpenssl('refused: another certificate for the key that signs now', async () => {
  const { folder, directory, engine } = await newWorld();
  const key = join(directory, 'etcd-ca.key');
  const same = make(folder, 'same', { from: key });
  expect(readFileSync(key, 'utf8')).toContain('PRIVATE KEY');
  await expect(givenNext(engine, 'etcd-ca', { cert: same.certificate, key })).rejects.toMatchObject({
    message: expect.stringMatching(/same\.pem has the key that etcd-ca has now$/),
  });
});

test('without files kbin makes the next authority', async () => {
  expect(await givenNext({} as never, 'ca', {})).toBeUndefined();
});

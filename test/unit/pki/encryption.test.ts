import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { load } from 'js-yaml';
import { ENCRYPTION, type Encryption } from '../../../src/model/encryption.ts';
import type { Pki } from '../../../src/model/ports.ts';
import { encryptionDocument, newEncryption, type EncryptionKey } from '../../../src/pki/encryption.ts';
import { sha256Hex } from '../../../src/pki/certificate.ts';
import { openPkiStore } from '../../../src/pki/store.ts';
import { bodyDigest } from '../../../src/plan/content.ts';
import { authority, NOW, temporaryDirectory } from './samples.ts';

const SECRETBOX: Encryption = { provider: 'secretbox', resources: ['secrets'] };
const BOTH: Encryption = { provider: 'secretbox', resources: ['configmaps', 'secrets'] };
const NONE: Encryption = { provider: 'none', resources: ['secrets'] };
const AESGCM: Encryption = { provider: 'aesgcm', resources: ['secrets'] };
const KMS: Encryption = {
  provider: 'kms',
  resources: ['secrets'],
  kms: { name: 'vault', endpoint: 'unix:///run/vault.sock', timeoutSeconds: 5 },
};
const KMS_BOTH: Encryption = { ...KMS, resources: BOTH.resources };

const generation = (wanted: Encryption, number: number): EncryptionKey =>
  newEncryption(wanted, { now: NOW + number * 1000, taken: [], random: Buffer.alloc(32, number) });

interface Providers {
  [provider: string]: { keys?: { name: string }[]; name?: string } | undefined;
}

/** Entries as `resources: providers`, providers in their order by what they write. */
function entries(...wanted: Encryption[]): string[] {
  const text = encryptionDocument(wanted.map((one, index) => generation(one, index + 1))).reveal();
  const { resources } = load(text) as { resources: { resources: string[]; providers: Providers[] }[] };
  const numbers = new Map(wanted.map((one, index) => [generation(one, index + 1).key, index + 1]));
  return resources.map(
    (entry) =>
      `${entry.resources.join(' ')}: ${entry.providers
        .map((provider) => {
          const [name = '', own] = Object.entries(provider)[0] ?? [];
          return name === 'identity' || name === 'kms' ? name : `${name} ${numbers.get(own?.keys?.[0]?.name ?? '')}`;
        })
        .join(', ')}`,
  );
}

test.each<[string, Encryption[], string[]]>([
  ['one key', [SECRETBOX], ['secrets: secretbox 1']],
  ['nothing', [NONE], ['secrets: identity']],
  ['a new key beside the one that writes', [SECRETBOX, SECRETBOX], ['secrets: secretbox 1, secretbox 2']],
  ['another provider', [SECRETBOX, AESGCM], ['secrets: secretbox 1, aesgcm 2']],
  ['what was not encrypted', [NONE, SECRETBOX], ['secrets: identity, secretbox 2']],
  ['what is to be encrypted no more', [SECRETBOX, NONE], ['secrets: secretbox 1, identity']],
  [
    'one resource more',
    [SECRETBOX, BOTH],
    ['configmaps: identity', 'secrets: secretbox 1', 'configmaps secrets: secretbox 2'],
  ],
  [
    'one resource less',
    [BOTH, SECRETBOX],
    ['configmaps secrets: secretbox 1', 'configmaps: identity', 'secrets: secretbox 2'],
  ],
  // A KMS provider may stand only once.
  ['one resource more of a KMS', [KMS, KMS_BOTH], ['configmaps: identity', 'configmaps secrets: kms']],
  ['and when that writes', [KMS_BOTH, KMS], ['configmaps secrets: kms', 'configmaps: identity']],
  [
    'a KMS for more than before',
    [SECRETBOX, KMS_BOTH],
    ['configmaps: identity', 'secrets: secretbox 1', 'configmaps secrets: kms'],
  ],
])('each resource finds its providers in the order of the generations: %s', (_, wanted, expected) => {
  expect(entries(...wanted)).toEqual(expected);
});

test('the document is what an API server reads, and shows itself to nobody', () => {
  const document = encryptionDocument([generation(SECRETBOX, 1), generation(KMS, 2)]);
  expect(`${String(document)}${JSON.stringify({ document })}`).toBe('***{"document":"***"}');
  expect(document.reveal())
    .toBe(`# Written by kbin, keys and all. They belong to the certificate store: kbin certs rotate-encryption.
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
  - resources:
      - secrets
    providers:
      - secretbox:
          keys:
            - name: ${generation(SECRETBOX, 1).key}
              secret: AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=
      - kms:
          apiVersion: v2
          name: vault
          endpoint: unix:///run/vault.sock
          timeout: 5s
`);
});

test('keys of one second have names of which none begins as another, up to the colon', () => {
  const taken: string[] = [];
  for (let index = 0; index < 3; index += 1) {
    taken.push(newEncryption(SECRETBOX, { now: NOW, taken, random: Buffer.alloc(32) }).key);
  }
  expect(new Set(taken).size).toBe(3);
  expect(taken[0]).toMatch(/^key-\d{8}-\d{6}$/);
});

const base = temporaryDirectory();
let stores = 0;
async function store(wanted: Encryption = SECRETBOX): Promise<{ directory: string; pki: Pki }> {
  const directory = join(base, `pki-${(stores += 1)}`);
  const pki = openPkiStore(directory);
  await pki.issue(authority(), NOW);
  await pki.issueEncryption(wanted, NOW);
  return { directory, pki };
}

const next = (encryption: Encryption) => ({ name: ENCRYPTION, authorities: [], keyPairs: [], encryption });
const text = async (pki: Pki): Promise<string> => (await pki.read({ certificate: ENCRYPTION, part: 'key' })).reveal();
const secretOf = (directory: string, file: string): string =>
  (JSON.parse(readFileSync(join(directory, file), 'utf8')) as { secret: string }).secret;

test('the store makes a key once, keeps it 0600, and tells of it without showing it', async () => {
  const { directory, pki } = await store();
  expect(statSync(join(directory, 'encryption.json')).mode & 0o777).toBe(0o600);
  const secret = secretOf(directory, 'encryption.json');
  expect(Buffer.from(secret, 'base64')).toHaveLength(32);
  await expect(pki.issueEncryption(SECRETBOX, NOW)).rejects.toMatchObject({ code: 'PKI' });
  expect(secretOf(directory, 'encryption.json')).toBe(secret);
  const told = JSON.stringify([await pki.encryption(), await pki.list()]);
  expect(told).not.toContain(secret);
  expect(await pki.encryption()).toEqual({
    current: { ...SECRETBOX, key: expect.stringMatching(/^key-/), createdAt: NOW },
  });
  expect(await text(pki)).toContain(secret);
});

test('what the planner takes the document for is what the store gives out, at every stage', async () => {
  const { pki } = await store();
  const body = { secret: { certificate: ENCRYPTION, part: 'key' } } as const;
  const digests = new Set<string | null>();
  const moves = [
    () => pki.begin(next(SECRETBOX), NOW + 1000),
    () => pki.promote(ENCRYPTION),
    () => pki.distrust(ENCRYPTION),
  ];
  for (const move of [() => Promise.resolve(), ...moves]) {
    await move();
    const digest = bodyDigest(body, await pki.list(), new Set());
    expect(digest).toBe(sha256Hex(await text(pki)));
    digests.add(digest);
  }
  expect(digests.size).toBe(4);
  expect(bodyDigest(body, await pki.list(), new Set([ENCRYPTION]))).toBeNull();
});

test('a rotation adds a key, lets it write, and keeps the old one aside', async () => {
  const { directory, pki } = await store();
  const old = secretOf(directory, 'encryption.json');
  expect(await pki.begin(next(AESGCM), NOW + 1000)).toMatchObject({ stage: 'trust', members: [ENCRYPTION] });
  expect(await pki.encryption()).toMatchObject({ current: SECRETBOX, next: AESGCM });
  await pki.promote(ENCRYPTION);
  expect(await pki.encryption()).toMatchObject({ current: AESGCM, old: SECRETBOX });
  await pki.distrust(ENCRYPTION);
  expect(await pki.encryption()).toEqual({ current: expect.objectContaining(AESGCM) });
  expect(await text(pki)).not.toContain(old);
  const [folder = ''] = readdirSync(join(directory, 'retired'));
  expect(secretOf(directory, join('retired', folder, 'encryption-old.json'))).toBe(old);
  await pki.end(ENCRYPTION);
  expect(await pki.rotations()).toEqual([]);
  await pki.begin(next(NONE), NOW + 2000);
  expect((await pki.encryption())?.next).toMatchObject({ provider: 'none', key: 'identity' });
});

test('a rotation that would change nothing is refused; another socket of the same KMS is a change', async () => {
  for (const [wanted, why] of [
    [NONE, 'nothing is encrypted'],
    [KMS, 'the key is the KMS’s own'],
  ] as const) {
    const { pki } = await store(wanted);
    await expect(pki.begin(next(wanted), NOW)).rejects.toMatchObject({
      code: 'PKI',
      message: expect.stringContaining(why),
    });
    expect(await pki.rotations()).toEqual([]);
  }
  const { pki } = await store(KMS);
  await pki.begin(next({ ...KMS, kms: { ...KMS.kms!, endpoint: 'unix:///run/other.sock' } }), NOW);
  expect(await text(pki)).toContain('unix:///run/vault.sock');
  await pki.promote(ENCRYPTION);
  expect(await text(pki)).toContain('unix:///run/other.sock');
});

test('what nothing is written with yet may be replaced, also by what there is', async () => {
  const { directory, pki } = await store(KMS);
  await pki.begin(next(SECRETBOX), NOW + 1000);
  const first = secretOf(directory, 'encryption-next.json');
  await pki.begin(next(AESGCM), NOW + 2000);
  expect(secretOf(directory, 'encryption-next.json')).not.toBe(first);
  expect((await pki.encryption())?.next).toMatchObject(AESGCM);
  await pki.begin(next(KMS), NOW + 3000);
  await pki.promote(ENCRYPTION);
  await expect(pki.begin(next(SECRETBOX), NOW + 4000)).rejects.toMatchObject({ code: 'PKI' });
  expect(await pki.encryption()).toMatchObject({ current: KMS, old: KMS });
});

test.each([
  ['no JSON', '{'],
  ['no provider', '{}'],
  ['no key', '{"provider":"secretbox","resources":["secrets"],"key":"key-1","createdAt":1}'],
  ['a short key', '{"provider":"secretbox","resources":["secrets"],"key":"key-1","createdAt":1,"secret":"c2VjcmV0"}'],
  ['nothing that is encrypted', '{"provider":"none","resources":[],"key":"identity","createdAt":1}'],
])('a damaged file is named, and not what is in it: %s', async (_, content) => {
  const { directory, pki } = await store();
  writeFileSync(join(directory, 'encryption.json'), content);
  for (const ask of [() => pki.list(), () => pki.encryption(), () => text(pki)]) {
    const error: unknown = await ask().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'PKI', message: expect.stringMatching(/encryption\.json: is damaged$/) });
    expect(JSON.stringify(error)).not.toContain('c2VjcmV0');
  }
});

test('where only the one that writes is missing, the store is damaged', async () => {
  const { directory, pki } = await store();
  writeFileSync(join(directory, 'encryption-old.json'), readFileSync(join(directory, 'encryption.json')), {
    mode: 0o600,
  });
  await pki.list();
  rmSync(join(directory, 'encryption.json'));
  await expect(pki.encryption()).rejects.toMatchObject({ code: 'PKI', message: expect.stringMatching(/is missing$/) });
});

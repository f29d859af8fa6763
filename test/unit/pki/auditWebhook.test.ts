import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '../../../src/model/digest.ts';
import type { CertSpec } from '../../../src/model/pki.ts';
import { withAuditWebhook } from '../../../src/pki/auditWebhook.ts';
import { openPkiStore } from '../../../src/pki/store.ts';

const NOW = Date.UTC(2026, 10, 20);
const spec = (changes: Partial<CertSpec>): CertSpec => ({
  name: 'ca',
  isAuthority: true,
  commonName: 'kubernetes',
  organizations: [],
  dnsNames: [],
  ipAddresses: [],
  usages: [],
  days: 10,
  algorithm: 'ECDSA-P256',
  ...changes,
});
const config = (user: object): string =>
  JSON.stringify({
    kind: 'Config',
    users: [
      { name: 'other', user: {} },
      { name: 'u', user },
    ],
    contexts: [{ name: 'x', context: { user: 'u' } }],
    'current-context': 'x',
  });

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kbin-webhook-'));
  file = join(folder, 'hook.conf');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('it stands beside the store’s own certificates, as a key with the digest of the file', async () => {
  const text = config({ token: 't0p-secret' });
  await writeFile(file, text);
  const own = openPkiStore(join(folder, 'own'));
  await own.issueAll([spec({})], NOW);
  const store = withAuditWebhook(own, file);
  const listed = await store.list();
  expect(Object.keys(listed).sort()).toEqual(['audit-webhook', 'ca']);
  expect(listed['audit-webhook']?.keySha256).toBe(sha256(text));
  expect(JSON.stringify(listed)).not.toContain('t0p-secret');
  expect((await store.read({ certificate: 'audit-webhook', part: 'key' })).reveal()).toBe(text);
  expect((await store.read({ certificate: 'ca', part: 'certificate' })).reveal()).toContain('BEGIN CERTIFICATE');
});

test('a client certificate in it is told with its end, and another file is another key', async () => {
  const own = openPkiStore(join(folder, 'own'));
  await own.issueAll([spec({}), spec({ name: 'hook', ca: 'ca', isAuthority: false, usages: ['client'] })], NOW);
  const certificate = (await readFile(join(folder, 'own/hook.crt'))).toString('base64');
  await writeFile(file, config({ 'client-certificate-data': certificate }));
  const store = withAuditWebhook(own, file);
  const first = (await store.list())['audit-webhook'];
  expect(first).toMatchObject({ usages: ['client'], notAfter: NOW + 10 * 86_400_000, isAuthority: false });
  await writeFile(file, config({ 'client-certificate-data': certificate, token: 'x' }));
  expect((await store.list())['audit-webhook']?.keySha256).not.toBe(first?.keySha256);
});

test('a file that is gone or damaged since it was checked is refused by name, without a word of it', async () => {
  const store = withAuditWebhook(openPkiStore(join(folder, 'own')), file);
  await expect(store.list()).rejects.toMatchObject({ code: 'PKI', message: `${file}: cannot be read` });
  for (const text of [config({ 'client-certificate-data': 't0p-secret' }), '{ t0p-secret: [']) {
    await writeFile(file, text);
    const failure: unknown = await store.list().catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'PKI', message: expect.stringContaining(`${file}: is no kubeconfig`) });
    expect(JSON.stringify(failure) + String((failure as Error).stack)).not.toContain('t0p-secret');
  }
});

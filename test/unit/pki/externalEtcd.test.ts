import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CertSpec } from '../../../src/model/pki.ts';
import type { ExternalEtcd } from '../../../src/model/inventory.ts';
import { withExternalEtcd } from '../../../src/pki/externalEtcd.ts';
import { openPkiStore } from '../../../src/pki/store.ts';

const NOW = Date.UTC(2026, 10, 20);
const spec = (changes: Partial<CertSpec>): CertSpec => ({
  name: 'ca',
  isAuthority: true,
  commonName: 'their etcd',
  organizations: [],
  dnsNames: [],
  ipAddresses: [],
  usages: [],
  days: 10,
  algorithm: 'ECDSA-P256',
  ...changes,
});

let folder: string;
let external: ExternalEtcd;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kbin-external-'));
  const theirs = openPkiStore(join(folder, 'theirs'));
  await theirs.issueAll([spec({}), spec({ name: 'admin', ca: 'ca', isAuthority: false, usages: ['client'] })], NOW);
  external = {
    endpoints: ['https://10.0.0.1:2379'],
    caFile: join(folder, 'theirs/ca.crt'),
    certFile: join(folder, 'theirs/admin.crt'),
    keyFile: join(folder, 'theirs/admin.key'),
  };
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('the files of the inventory stand beside the store’s own certificates', async () => {
  const own = openPkiStore(join(folder, 'own'));
  await own.issueAll([spec({ commonName: 'kubernetes' })], NOW);
  const store = withExternalEtcd(own, external);
  const listed = await store.list();
  expect(Object.keys(listed).sort()).toEqual(['ca', 'external-etcd-ca', 'external-etcd-client']);
  expect(listed['external-etcd-ca']).toMatchObject({ isAuthority: true, commonName: 'their etcd' });
  expect((await store.read({ certificate: 'external-etcd-client', part: 'key' })).reveal()).toBe(
    await readFile(external.keyFile, 'utf8'),
  );
  expect((await store.read({ certificate: 'ca', part: 'certificate' })).reveal()).not.toBe(
    await readFile(external.caFile, 'utf8'),
  );
});

test('a key of another certificate, a CA that is none and a missing file are refused by name', async () => {
  const store = withExternalEtcd(openPkiStore(join(folder, 'own')), external);
  const wrongCa = withExternalEtcd(store, { ...external, caFile: external.certFile });
  await expect(wrongCa.list()).rejects.toMatchObject({ code: 'PKI', message: `${external.certFile}: is no authority` });
  await chmod(external.keyFile, 0o600);
  await writeFile(external.keyFile, await readFile(join(folder, 'theirs/ca.key')));
  await expect(store.list()).rejects.toMatchObject({
    code: 'PKI',
    message: `${external.keyFile}: does not belong to ${external.certFile}`,
  });
  await rm(external.keyFile);
  await expect(store.list()).rejects.toMatchObject({ code: 'PKI', message: `${external.keyFile}: cannot be read` });
});

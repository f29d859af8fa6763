import { createHash, X509Certificate } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import type { CertSpec } from '../../../src/model/pki.ts';
import type { PkiStore } from '../../../src/model/ports.ts';
import { openPkiStore } from '../../../src/pki/store.ts';
import { authority, leaf, NOW, temporaryDirectory } from './samples.ts';

const base = temporaryDirectory();
let stores = 0;
const emptyDirectory = (): string => join(base, `pki-${(stores += 1)}`);

const proxy = leaf({
  name: 'kube-proxy@worker-1',
  commonName: 'system:kube-proxy',
  dnsNames: [],
  ipAddresses: [],
  usages: ['client'],
});
const SPECS: CertSpec[] = [authority(), leaf(), proxy];
const LEAF = 'hosts/worker-1/kubelet-serving';
const PROXY = 'hosts/worker-1/kube-proxy';

async function filledStore(): Promise<{ directory: string; store: PkiStore }> {
  const directory = emptyDirectory();
  const store = openPkiStore(directory);
  await store.issueAll(SPECS, NOW);
  await store.issueKeyPair({ name: 'sa', algorithm: 'ECDSA-P256' });
  return { directory, store };
}

const modeOf = (path: string): number => statSync(path).mode & 0o777;

test('a directory that is not there yet is an empty store, and looking does not make it', async () => {
  const directory = emptyDirectory();
  const store = openPkiStore(directory);
  expect(await store.list()).toEqual({});
  expect(await store.clusterId()).toBeNull();
  expect(statSync(directory, { throwIfNoEntry: false })).toBeUndefined();
});

test('what was issued is listed, in the documented layout, closed to others', async () => {
  const directory = emptyDirectory();
  const store = openPkiStore(directory);
  const issued = await store.issueAll(SPECS, NOW);
  const pair = await store.issueKeyPair({ name: 'sa', algorithm: 'ECDSA-P256' });
  expect(Object.values(await store.list())).toEqual(expect.arrayContaining([...issued, pair]));
  expect(Object.keys(await store.list())).toHaveLength(4);
  expect(readdirSync(directory).sort()).toEqual(['ca.crt', 'ca.key', 'hosts', 'sa.key', 'sa.pub']);
  const files = ['ca.crt', 'ca.key', 'sa.key', 'sa.pub', `${LEAF}.crt`, `${LEAF}.key`, `${PROXY}.crt`, `${PROXY}.key`];
  for (const file of files) expect({ file, mode: modeOf(join(directory, file)) }).toEqual({ file, mode: 0o600 });
  for (const folder of ['', 'hosts', 'hosts/worker-1']) expect(modeOf(join(directory, folder))).toBe(0o700);
});

test('hashes are those of the files, and only authorities carry their PEM', async () => {
  const { directory, store } = await filledStore();
  const listed = await store.list();
  const sha256 = (file: string) =>
    createHash('sha256')
      .update(readFileSync(join(directory, file)))
      .digest('hex');
  expect(listed['sa']).toMatchObject({ certSha256: sha256('sa.pub'), keySha256: sha256('sa.key') });
  expect(listed[leaf().name]).toMatchObject({ certSha256: sha256(`${LEAF}.crt`), keySha256: sha256(`${LEAF}.key`) });
  expect(listed['ca']?.pem).toBe(readFileSync(join(directory, 'ca.crt'), 'utf8'));
  expect(listed[leaf().name]?.pem).toBeUndefined();
});

test('the identity of the cluster is the hash of the public key of its authority', async () => {
  const { directory, store } = await filledStore();
  const { publicKey } = new X509Certificate(readFileSync(join(directory, 'ca.crt')));
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  expect(await store.clusterId()).toBe(createHash('sha256').update(spki).digest('hex').slice(0, 16));
});

test('parts are read as secrets', async () => {
  const { directory, store } = await filledStore();
  for (const [certificate, part, file] of [
    ['ca', 'certificate', 'ca.crt'],
    [leaf().name, 'key', `${LEAF}.key`],
    ['sa', 'public-key', 'sa.pub'],
  ] as const) {
    const secret = await store.read({ certificate, part });
    expect(secret.reveal()).toBe(readFileSync(join(directory, file), 'utf8'));
    expect(`${String(secret)} ${inspect(secret)} ${JSON.stringify(secret)}`).toBe('*** *** "***"');
  }
});

test('a leaf is issued again in its place, with a new key', async () => {
  const { store } = await filledStore();
  const before = (await store.list())[leaf().name];
  const after = await store.issue(leaf(), NOW);
  expect((await store.list())[leaf().name]).toEqual(after);
  expect(after.spkiSha256).not.toBe(before?.spkiSha256);
});

test('calls at the same time follow one another, so that an authority is there for the next', async () => {
  const store = openPkiStore(emptyDirectory());
  await Promise.all([store.issue(authority(), NOW), store.issue(leaf(), NOW), store.issue(proxy, NOW)]);
  expect(Object.keys(await store.list())).toHaveLength(3);
});

test('more certificates than are synced one by one are all there', async () => {
  const store = openPkiStore(emptyDirectory());
  const many = Array.from({ length: 260 }, (_, index) => leaf({ name: `row-${index}@worker-1` }));
  const issued = await store.issueAll([authority(), ...many], NOW);
  const listed = await store.list();
  expect(issued.map(({ name }) => listed[name])).toEqual(issued);
});

type Damage = [title: string, damage: (directory: string) => void, message: RegExp];
const truncate = (directory: string, file: string): void => {
  const path = join(directory, file);
  writeFileSync(path, readFileSync(path).subarray(0, 120));
};
const copy = (directory: string, from: string, to: string): void =>
  copyFileSync(join(directory, from), join(directory, to));

const DAMAGES: Damage[] = [
  ['a truncated key', (d) => truncate(d, `${LEAF}.key`), /kubelet-serving\.key: holds no whole PEM block/],
  ['a truncated certificate', (d) => truncate(d, `${LEAF}.crt`), /kubelet-serving\.crt: holds no whole PEM block/],
  [
    'an empty key, as a power cut leaves it',
    (d) => writeFileSync(join(d, `${LEAF}.key`), ''),
    /kubelet-serving\.key: /,
  ],
  [
    'the key of another certificate',
    (d) => copy(d, `${PROXY}.key`, `${LEAF}.key`),
    /kubelet-serving\.key: does not belong to .*\.crt/,
  ],
  [
    'the certificate of another key',
    (d) => copy(d, `${PROXY}.crt`, `${LEAF}.crt`),
    /kubelet-serving\.key: does not belong to/,
  ],
  ['a missing key', (d) => rmSync(join(d, `${LEAF}.key`)), /kubelet-serving\.key: is missing/],
  ['a missing certificate', (d) => rmSync(join(d, `${LEAF}.crt`)), /kubelet-serving\.crt: is missing/],
  ['a missing key of the authority', (d) => rmSync(join(d, 'ca.key')), /ca\.key: is missing/],
  ['a missing public key', (d) => rmSync(join(d, 'sa.pub')), /sa\.crt: is missing/],
  ['the private key of another pair', (d) => copy(d, 'ca.key', 'sa.key'), /sa\.key: does not belong to .*sa\.pub/],
  [
    'a certificate that is none',
    (d) => copy(d, 'sa.pub', `${LEAF}.crt`),
    /kubelet-serving\.crt: holds no whole PEM block/,
  ],
  [
    'two certificates in one file',
    (d) => writeFileSync(join(d, 'ca.crt'), readFileSync(join(d, 'ca.crt'), 'utf8').repeat(2)),
    /ca\.crt: holds more than one PEM block/,
  ],
  ['a key that others may read', (d) => chmodSync(join(d, 'sa.key'), 0o640), /sa\.key: mode 0640 lets others in/],
  [
    'a certificate that others may write',
    (d) => chmodSync(join(d, 'ca.crt'), 0o606),
    /ca\.crt: mode 0606 lets others in/,
  ],
  ['a directory that others may enter', (d) => chmodSync(d, 0o711), /: mode 0711 lets others in/],
  ['a host directory that others may enter', (d) => chmodSync(join(d, 'hosts/worker-1'), 0o750), /worker-1: mode 0750/],
];

test.each(DAMAGES)('%s is told with the file', async (_, damage, message) => {
  const { directory, store } = await filledStore();
  damage(directory);
  await expect(store.list()).rejects.toMatchObject({ code: 'PKI', message: expect.stringMatching(message) });
});

test('all that is wrong is told at once, and no key stands in it', async () => {
  const { directory, store } = await filledStore();
  truncate(directory, `${LEAF}.key`);
  rmSync(join(directory, `${PROXY}.key`));
  const error: unknown = await store.list().catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    evidence: [expect.stringMatching(/kube-proxy\.key: is missing|kubelet-serving\.key/)],
  });
  const keyLine = readFileSync(join(directory, `${LEAF}.key`), 'utf8').split('\n')[1] ?? '';
  expect(keyLine.length).toBeGreaterThan(20);
  expect(inspect(error, { depth: 10 })).not.toContain(keyLine);
});

test('reading a damaged or missing part names the file', async () => {
  const { directory, store } = await filledStore();
  truncate(directory, `${LEAF}.key`);
  await expect(store.read({ certificate: leaf().name, part: 'key' })).rejects.toMatchObject({
    code: 'PKI',
    message: expect.stringMatching(/kubelet-serving\.key: holds no whole PEM block/),
  });
  await expect(store.read({ certificate: 'sa', part: 'certificate' })).rejects.toMatchObject({
    code: 'PKI',
    message: expect.stringMatching(/sa\.crt: is missing/),
  });
});

test('files that the store did not make are left alone', async () => {
  const { directory, store } = await filledStore();
  for (const file of ['README', 'notes.txt', 'hosts/list', '.gitignore', 'hosts/worker-1/x.bak'])
    writeFileSync(join(directory, file), 'mine');
  mkdirSync(join(directory, 'hosts/.Trash'));
  expect(Object.keys(await store.list())).toHaveLength(4);
  expect(readFileSync(join(directory, 'hosts/worker-1/x.bak'), 'utf8')).toBe('mine');
});

test('an authority and a key pair are never replaced, by whatever they would be', async () => {
  const { directory, store } = await filledStore();
  const before = ['ca.crt', 'ca.key', 'sa.key', 'sa.pub'].map((file) => readFileSync(join(directory, file), 'utf8'));
  const attempts = [
    () => store.issue(authority(), NOW),
    () => store.issueAll([authority({ name: 'other' }), authority()], NOW),
    () => store.issue(leaf({ name: 'ca' }), NOW),
    () => store.issue(leaf({ name: 'sa' }), NOW),
    () => store.issueKeyPair({ name: 'sa', algorithm: 'ECDSA-P256' }),
    () => store.issueKeyPair({ name: 'ca', algorithm: 'ECDSA-P256' }),
  ];
  for (const attempt of attempts)
    await expect(attempt()).rejects.toMatchObject({ code: 'PKI', message: expect.stringMatching(/is never replaced/) });
  const after = ['ca.crt', 'ca.key', 'sa.key', 'sa.pub'].map((file) => readFileSync(join(directory, file), 'utf8'));
  expect(after).toEqual(before);
  expect(Object.keys(await store.list())).toHaveLength(4);
});

test('a single file of an authority is enough to refuse another', async () => {
  const { directory, store } = await filledStore();
  rmSync(join(directory, 'ca.crt'));
  await expect(store.issue(authority(), NOW)).rejects.toMatchObject({
    message: expect.stringMatching(/ca\.key exists already and is never replaced/),
  });
});

test('no authority is made where certificates of a lost one are', async () => {
  const { directory, store } = await filledStore();
  for (const file of ['ca.crt', 'ca.key']) rmSync(join(directory, file));
  await expect(store.issue(authority(), NOW)).rejects.toMatchObject({
    code: 'PKI',
    message: expect.stringMatching(/the authority that signed .*@worker-1 is missing/),
  });
  expect(await store.clusterId()).toBeNull();
});

test('without its authority nothing is signed, and nothing of the batch is kept', async () => {
  const { store } = await filledStore();
  const before = await store.list();
  await expect(store.issueAll([leaf(), leaf({ name: 'etcd-peer@x', ca: 'etcd-ca' })], NOW)).rejects.toMatchObject({
    code: 'PKI',
    message: expect.stringMatching(/etcd-ca\.crt: is missing/),
  });
  expect(await store.list()).toEqual(before);
});

test('a leaf signs nothing', async () => {
  const { store } = await filledStore();
  await expect(store.issue(leaf({ ca: proxy.name }), NOW)).rejects.toMatchObject({
    message: expect.stringMatching(/kube-proxy\.crt: is no authority/),
  });
});

test('an authority whose private key is damaged inside is found before it signs', async () => {
  const { directory, store } = await filledStore();
  const path = join(directory, 'ca.key');
  const [head, ...body] = readFileSync(path, 'utf8').trim().split('\n');
  const der = Buffer.from(body.slice(0, -1).join(''), 'base64');
  // The private number begins at byte 7; the public half behind it stays as it is.
  der.writeUInt8(der.readUInt8(20) ^ 0xff, 20);
  writeFileSync(path, `${head}\n${der.toString('base64')}\n${body.at(-1)}\n`);
  await expect(store.issue(leaf(), NOW)).rejects.toMatchObject({
    code: 'PKI',
    message: expect.stringMatching(/ca\.key: /),
  });
});

test.each(['../ca', 'a/b', 'kubelet@../..', 'kubelet@', 'x@y@z', '.x'])('"%s" is no name', async (name) => {
  const store = openPkiStore(emptyDirectory());
  await expect(store.read({ certificate: name, part: 'key' })).rejects.toThrow('is not the name of a certificate');
});

test('a path that is no directory is a PKI error', async () => {
  const path = join(base, 'file');
  writeFileSync(path, '', { mode: 0o600 });
  await expect(openPkiStore(path).list()).rejects.toMatchObject({ code: 'PKI' });
  await expect(openPkiStore(path).issue(authority(), NOW)).rejects.toMatchObject({ code: 'PKI' });
});

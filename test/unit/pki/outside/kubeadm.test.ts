import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Secret } from '../../../../src/model/secret.ts';
import { adopt } from '../../../../src/pki/outside/adopt.ts';
import { kubeadmDirectory } from '../../../../src/pki/outside/kubeadm.ts';
import { openPkiStore } from '../../../../src/pki/store.ts';
import { openssl, rows, temporaryDirectory, testWithOpenssl } from '../samples.ts';
import { make, textOf, wish } from './authorities.ts';

const base = temporaryDirectory();
let folders = 0;

// REFERENCE 1.1: RSA 2048, DNS = own CN, no path length, no cRLSign.
const RSA = ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'];
const extensions = (name: string): string[] => [
  'basicConstraints=critical,CA:TRUE',
  'keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign',
  'subjectKeyIdentifier=hash',
  `subjectAltName=DNS:${name}`,
];
const NAMES = { ca: 'kubernetes', 'etcd/ca': 'etcd-ca', 'front-proxy-ca': 'front-proxy-ca' } as const;

let first: string | undefined;

/** A copy of /etc/kubernetes/pki of a control plane; made once, because RSA keys take their time. */
function kubeadmPki(): string {
  first ??= newKubeadmPki(join(base, 'first'));
  const folder = join(base, `pki-${(folders += 1)}`);
  cpSync(first, folder, { recursive: true });
  return folder;
}

/** As kubeadm makes it. */
function newKubeadmPki(folder: string): string {
  mkdirSync(join(folder, 'etcd'), { recursive: true });
  for (const [place, name] of Object.entries(NAMES)) {
    const made = make(folder, name, { subject: `/CN=${name}`, key: RSA, extensions: extensions(name) });
    writeFileSync(join(folder, `${place}.crt`), textOf(made.certificate));
    writeFileSync(join(folder, `${place}.key`), openssl('rsa', '-in', made.key, '-traditional'));
  }
  openssl('genrsa', '-traditional', '-out', join(folder, 'sa.key'), '2048');
  openssl('rsa', '-in', join(folder, 'sa.key'), '-pubout', '-out', join(folder, 'sa.pub'));
  return folder;
}

const wishes = () => [
  wish(),
  wish({ name: 'etcd-ca', below: 0 }),
  wish({ name: 'front-proxy-ca', below: 0, usages: ['client'] }),
];
const read =
  (folder: string) =>
  (path: string): Secret | undefined =>
    existsSync(join(folder, path)) ? new Secret(readFileSync(join(folder, path), 'utf8')) : undefined;

testWithOpenssl('authorities and ServiceAccount key become those of the store', async () => {
  const folder = kubeadmPki();
  const found = kubeadmDirectory(read(folder), wishes());
  if ('faults' in found) throw new Error(found.faults.join('\n'));
  const directory = join(base, `store-${folders}`);
  await adopt({ directory, rows }, found.authorities, found.serviceAccount);
  const store = openPkiStore(directory);
  const stored = await store.list();
  expect(Object.values(stored).map(({ name, commonName, algorithm }) => [name, commonName, algorithm])).toEqual(
    expect.arrayContaining([
      ['ca', 'kubernetes', 'RSA-2048'],
      ['etcd-ca', 'etcd-ca', 'RSA-2048'],
      ['front-proxy-ca', 'front-proxy-ca', 'RSA-2048'],
      ['sa', '', 'RSA-2048'],
    ]),
  );
  expect((await store.read({ certificate: 'sa', part: 'public-key' })).reveal()).toBe(textOf(join(folder, 'sa.pub')));
  expect((await store.read({ certificate: 'ca', part: 'certificate' })).reveal()).toBe(textOf(join(folder, 'ca.crt')));
  expect((await store.read({ certificate: 'ca', part: 'key' })).reveal()).toBe(textOf(join(folder, 'ca.key')));
});

testWithOpenssl.each([
  [
    'without the key of its CA',
    ['ca.key'],
    [
      /^ca\.key: is missing, so nothing could be signed in its name\. Copy it from where it is; of a cluster whose CA is outside/,
    ],
  ],
  [
    'without the key that signs tokens',
    ['sa.key'],
    [/^sa\.key: is missing, and with another key every ServiceAccount token would be refused/],
  ],
  [
    'of a host without etcd',
    ['etcd/ca.crt', 'etcd/ca.key'],
    [/^etcd\/ca\.crt: is missing\. With an etcd outside of the cluster/],
  ],
  [
    'with only certificates',
    ['ca.key', 'etcd/ca.key', 'front-proxy-ca.key', 'sa.key'],
    [/^ca\.key/, /^etcd\/ca\.key/, /^front-proxy-ca\.key/, /^sa\.key/],
  ],
])('refused: a directory %s', (_, lost, expected) => {
  const folder = kubeadmPki();
  for (const path of lost) rmSync(join(folder, path));
  const found = kubeadmDirectory(read(folder), wishes());
  const faults = 'faults' in found ? found.faults : [];
  expect(faults).toEqual(expected.map((one): unknown => expect.stringMatching(one)));
});

testWithOpenssl('refused: keys of others, and a public key that is none, all at once', () => {
  const folder = kubeadmPki();
  writeFileSync(join(folder, 'ca.key'), textOf(join(folder, 'etcd/ca.key')));
  writeFileSync(join(folder, 'sa.pub'), openssl('pkey', '-in', join(folder, 'ca.key'), '-pubout'));
  const found = kubeadmDirectory(read(folder), wishes());
  expect(found).toEqual({ faults: ['ca.key is not the key of ca.crt', 'sa.pub: does not belong to sa.key'] });
  writeFileSync(join(folder, 'sa.pub'), 'nothing');
  expect(kubeadmDirectory(read(folder), wishes())).toEqual({
    faults: ['ca.key is not the key of ca.crt', expect.stringMatching(/^sa\.pub: /)],
  });
});

testWithOpenssl('without etcd of its own the cluster needs no etcd authority', () => {
  const folder = kubeadmPki();
  rmSync(join(folder, 'etcd'), { recursive: true });
  expect(
    kubeadmDirectory(
      read(folder),
      wishes().filter(({ name }) => name !== 'etcd-ca'),
    ),
  ).toHaveProperty('authorities');
});

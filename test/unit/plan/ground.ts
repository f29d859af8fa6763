import { KNOWN_PROGRAMS } from '../../../src/catalog/requirements.ts';
import { sha256, unitStamp } from '../../../src/model/digest.ts';
import type { CachedArtifact, Facts, HostFacts, Owned } from '../../../src/model/facts.ts';
import type { CertificateName, StoredCertificate } from '../../../src/model/pki.ts';
import type { Binary, Directory, File, Image, Kernel, Pair, Unit, User } from '../../../src/model/resource.ts';
import { cachedArtifact, type HostInput } from '../../../src/plan/need.ts';
import { hostSteps } from '../../../src/plan/hostSteps.ts';
import { pairTarget } from '../../../src/plan/resourceNeeds.ts';

/** The record without one of its keys. */
export const without = <T extends object, K extends keyof T>(record: T, key: K): Omit<T, K> =>
  Object.fromEntries(Object.entries(record).filter(([own]) => own !== key)) as Omit<T, K>;

/** A sound machine with nothing of kbin on it. */
export const hostFacts = (changed: Partial<HostFacts> = {}): HostFacts => ({
  hostname: 'cp-1',
  os: { id: 'debian', version: '13', like: '' },
  kernel: '6.12.0',
  arch: 'amd64',
  cpus: 4,
  memoryMiB: 8192,
  bootId: 'boot',
  machineId: 'machine',
  productUuid: 'uuid',
  macs: ['52:54:00:00:00:01'],
  addresses: ['10.0.0.11'],
  clock: { offsetSeconds: 0, uncertaintySeconds: 0.01 },
  cgroup: 2,
  init: 'systemd',
  swaps: [],
  modules: [],
  sysctls: {},
  disks: [],
  listening: [],
  paths: {},
  units: {},
  images: [],
  users: [],
  programs: [...KNOWN_PROGRAMS],
  owned: null,
  certificates: {},
  leftovers: [],
  ...changed,
});

export const owned = (changed: Partial<Owned> = {}): Owned => ({
  version: 1,
  cluster: { name: 'prod', id: 'id-of-prod' },
  host: 'cp-1',
  paths: [],
  units: [],
  ...changed,
});

export const stored = (name: CertificateName, changed: Partial<StoredCertificate> = {}): StoredCertificate => ({
  name,
  certSha256: sha256(`${name} certificate`),
  keySha256: sha256(`${name} key`),
  spkiSha256: sha256(`${name} spki`),
  serial: '1',
  commonName: name,
  organizations: [],
  dnsNames: [],
  ipAddresses: [],
  usages: [],
  isAuthority: false,
  algorithm: 'ECDSA-P256',
  notBefore: 0,
  notAfter: 1,
  issuerKeyId: 'ca',
  keyId: name,
  ...changed,
});

const BASE = { phase: 'node' } as const;

export const user: User = { ...BASE, id: 'user:etcd', kind: 'user', name: 'etcd', home: '/var/lib/etcd' };
export const directory: Directory = {
  ...BASE,
  id: 'directory:/var/lib/app',
  kind: 'directory',
  path: '/var/lib/app',
  mode: '0700',
  owner: 'app:app',
};
export const config: File = {
  ...BASE,
  id: 'file:/etc/app.yaml',
  kind: 'file',
  path: '/etc/app.yaml',
  mode: '0644',
  owner: 'root:root',
  body: { text: 'a: 1\n' },
};
export const unitFile: File = {
  ...config,
  id: 'file:/etc/systemd/system/app.service',
  path: '/etc/systemd/system/app.service',
  body: { text: '[Service]\n' },
};
export const caFile: File = {
  ...config,
  id: 'file:/etc/ca.crt',
  path: '/etc/ca.crt',
  body: { secret: { certificate: 'ca', part: 'certificate' } },
};
export const bundle: File = {
  ...config,
  id: 'file:/etc/bundle.crt',
  path: '/etc/bundle.crt',
  body: {
    concat: [
      { certificate: 'ca', part: 'certificate' },
      { certificate: 'signer', part: 'certificate' },
    ],
  },
};
export const pair: Pair = {
  ...BASE,
  id: 'pair:/etc/pki/app',
  kind: 'pair',
  path: '/etc/pki/app',
  pairsDir: '/etc/pki/.pairs',
  owner: 'app:app',
  certificate: 'app@cp-1',
};
export const binary: Binary = {
  ...BASE,
  id: 'binary:/usr/local/bin/app',
  kind: 'binary',
  artifact: { type: 'binary', component: 'etcd', version: 'v3.6.16', arch: 'amd64', name: 'app' },
  path: '/opt/kbin/etcd/v3.6.16/app',
  link: '/usr/local/bin/app',
};
export const image: Image = {
  ...BASE,
  id: 'image:registry/app:v1',
  kind: 'image',
  artifact: { type: 'image', component: 'coredns', version: 'v1', arch: 'amd64', name: 'registry/app:v1' },
  reference: 'registry/app:v1',
};
export const kernel: Kernel = {
  ...BASE,
  id: 'kernel:node',
  kind: 'kernel',
  modules: ['overlay', 'br_netfilter'],
  sysctls: { 'net.ipv4.ip_forward': '1', 'kernel.panic': '10' },
  swapOff: true,
};
export const unit: Unit = {
  ...BASE,
  id: 'unit:app.service',
  kind: 'unit',
  name: 'app.service',
  restartsOn: [unitFile.id, config.id, binary.id],
  start: 'queued',
};

export const RESOURCES = [unit, image, kernel, caFile, bundle, config, unitFile, pair, binary, directory, user];

export const cache: CachedArtifact[] = [
  { ...binary.artifact, sha256: 'b'.repeat(64), bytes: 3_145_728, compressedBytes: 1000 },
  { ...image.artifact, sha256: 'c'.repeat(64), bytes: 1_048_576, compressedBytes: 500 },
];

export const local = (changed: Partial<Facts['local']> = {}): Facts['local'] => ({
  clusterId: 'id-of-prod',
  certificates: {
    ca: stored('ca', { isAuthority: true, pem: 'CA\n', certSha256: sha256('CA\n') }),
    signer: stored('signer', { isAuthority: true, pem: 'SIGNER\n' }),
    'app@cp-1': stored('app@cp-1'),
  },
  cache,
  ...changed,
});

const file = (text: string): HostFacts['paths'][string] => ({
  type: 'file',
  mode: '0644',
  owner: 'root:root',
  sha256: sha256(text),
});

const STAMP = unitStamp({
  [unitFile.id]: sha256('[Service]\n'),
  [config.id]: sha256('a: 1\n'),
  [binary.id]: cachedArtifact(cache, binary.artifact)!.sha256,
});

/** Facts of a host on which everything is as RESOURCES say. */
export function rightFacts(): HostFacts {
  const { certSha256, keySha256 } = stored('app@cp-1');
  const secret = { type: 'file', mode: '0600', owner: 'app:app' } as const;
  return hostFacts({
    users: ['etcd'],
    modules: ['overlay', 'br_netfilter'],
    sysctls: { 'net.ipv4.ip_forward': '1', 'kernel.panic': '10', 'vm.swappiness': '60' },
    images: ['registry/app:v1', 'registry/other:v1'],
    paths: {
      '/var/lib/app': { type: 'directory', mode: '0700', owner: 'app:app' },
      '/etc/app.yaml': file('a: 1\n'),
      '/etc/systemd/system/app.service': file('[Service]\n'),
      '/etc/ca.crt': file('CA\n'),
      '/etc/bundle.crt': file('CA\nSIGNER\n'),
      '/etc/pki/app': { type: 'link', mode: '0777', owner: 'root:root', target: pairTarget(pair, certSha256) },
      '/etc/pki/app/tls.crt': { ...secret, sha256: certSha256 },
      '/etc/pki/app/tls.key': { ...secret, sha256: keySha256 },
      '/opt/kbin/etcd/v3.6.16/app': { type: 'file', mode: '0755', owner: 'root:root', sha256: 'b'.repeat(64) },
      '/usr/local/bin/app': { type: 'link', mode: '0777', owner: 'root:root', target: '/opt/kbin/etcd/v3.6.16/app' },
    },
    units: {
      'app.service': {
        load: 'loaded',
        active: 'active',
        sub: 'running',
        enabled: true,
        restarts: 0,
        startedWith: STAMP,
      },
    },
  });
}

export const input = (facts: HostFacts, changed: Partial<HostInput> = {}): HostInput => ({
  host: 'cp-1',
  resources: RESOURCES,
  facts,
  local: local(),
  issued: new Set(),
  now: 0,
  ...changed,
});

/** `id: why` of each step. */
export const reasons = (own: HostInput): string[] => hostSteps(own).map(({ id, why }) => `${id}: ${why}`);

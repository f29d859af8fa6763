import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import type { Host, Inventory, Role } from '../../../src/model/inventory.ts';
import type { CertSpec, StoredCertificate } from '../../../src/model/pki.ts';
import { parseCatalog } from '../../../src/pki/catalog.ts';

// RSA keys and a busy disk can take their time; nothing here waits for anything else.
jest.setTimeout(30_000);

export const NOW = Date.parse('2026-11-20T12:00:00Z');
export const DAY = 86_400_000;

export const catalogText = readFileSync(new URL('../../../certs/catalog.yml', import.meta.url), 'utf8');
export const rows = parseCatalog(catalogText);

/** Only what certificates look at. */
export const host = (name: string, address: string, roles: Role[]): Host =>
  ({ name, address, roles }) as unknown as Host;

export const HOSTS = [
  host('cp-1', '10.0.0.11', ['etcd', 'control-plane']),
  host('etcd-1', '10.0.0.21', ['etcd']),
  host('worker-1', 'fd00::0031', ['worker']),
];

export function inventory(changes: Partial<Inventory> = {}): Inventory {
  return {
    cluster: 'prod',
    network: { dnsDomain: 'cluster.local', apiServiceAddress: '10.96.0.1', cni: { name: 'flannel', backend: 'vxlan' } },
    endpoint: { host: 'api.example.com', port: 6443 },
    etcd: {
      snapshots: {
        targets: [],
        keep: { last: 3, hourly: 24, daily: 7, weekly: 4, monthly: 12 },
        compression: 'auto' as const,
        recipients: [],
      },
    },
    hosts: HOSTS,
    certificates: {
      algorithm: 'ECDSA-P256',
      leafDays: 365,
      caDays: 3650,
      apiserverSans: ['k8s.example.com', '192.0.2.7'],
      days: {},
      extra: [],
      kubeletServing: 'kbin',
    },
    ...changes,
  } as unknown as Inventory;
}

export const authority = (changes: Partial<CertSpec> = {}): CertSpec => ({
  name: 'ca',
  isAuthority: true,
  commonName: 'kubernetes',
  organizations: [],
  dnsNames: ['kubernetes'],
  ipAddresses: [],
  usages: [],
  days: 3650,
  algorithm: 'ECDSA-P256',
  ...changes,
});

export const leaf = (changes: Partial<CertSpec> = {}): CertSpec => ({
  name: 'kubelet-serving@worker-1',
  ca: 'ca',
  isAuthority: false,
  commonName: 'system:node:worker-1',
  organizations: ['system:nodes'],
  dnsNames: ['worker-1'],
  ipAddresses: ['10.0.0.31', 'fd00::31'],
  usages: ['server'],
  days: 365,
  algorithm: 'ECDSA-P256',
  host: 'worker-1',
  ...changes,
});

/** What a store would tell of a leaf issued 100 days ago. */
export const storedLeaf = (changes: Partial<StoredCertificate> = {}): StoredCertificate => {
  const { name, commonName, organizations, dnsNames, ipAddresses, usages, algorithm } = leaf();
  return {
    ...{ name, commonName, organizations, dnsNames, ipAddresses, usages, algorithm, isAuthority: false },
    ...{ certSha256: '', keySha256: '', spkiSha256: '', serial: '1', keyId: 'bb', issuerKeyId: 'aa' },
    notBefore: NOW - 100 * DAY,
    notAfter: NOW + 265 * DAY,
    ...changes,
  };
};

/** A directory that is gone after the test file. */
export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'kbin-pki-'));
  afterAll(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Process ids end below this number (proc(5), pid_max). */
export const DEAD = 4_194_999;

/** A test that plays a killed process is alive itself: its lock becomes that of a process that is not. */
export function leaveDead(lock: string): void {
  if (existsSync(lock)) writeFileSync(lock, `${DEAD} ${hostname()}`);
}

const isOpensslHere = spawnSync('openssl', ['version']).status === 0;
/** `test` where the openssl program is there; elsewhere a skipped one, so that the report says so. */
export const testWithOpenssl = isOpensslHere ? test : test.skip;
export const openssl = (...args: string[]): string =>
  execFileSync('openssl', args, { encoding: 'utf8', stdio: 'pipe' });

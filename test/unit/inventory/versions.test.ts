import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { compareVersions, minorOf, MINORS, neededInstead, type Minor } from '../../../src/catalog/versions.ts';
import { repository } from './inventories.ts';

const row = (minor: string): Minor => {
  const found = MINORS.find((one) => one.minor === minor);
  if (found === undefined) throw new Error(`no ${minor}`);
  return found;
};

/** Which module of the lab's go.mod files each default must be the version of. */
const PINS = {
  etcd: ['etcd', 'go.etcd.io/etcd/server/v3'],
  containerd: ['containerd', 'github.com/containerd/containerd/v2'],
  runc: ['runc', 'github.com/opencontainers/runc'],
  'cni-plugins': ['cni-plugins', 'github.com/containernetworking/plugins'],
  'cni-plugin-flannel': ['cni-plugin-flannel', 'github.com/containernetworking/plugins'],
  flannel: ['flannel', 'github.com/flannel-io/flannel'],
  crictl: ['crictl', 'sigs.k8s.io/cri-tools'],
  coredns: ['coredns', 'github.com/coredns/coredns'],
} as const;

const pinned = (folder: string, module: string): string | undefined =>
  readFileSync(repository(`test/lab/binaries/${folder}/go.mod`), 'utf8')
    .split('\n')
    .map((line) =>
      line
        .replace(/^require /, '')
        .trim()
        .split(' '),
    )
    .find(([name, version]) => name === module && version?.startsWith('v'))?.[1];

test.each(['1.35', '1.36'])('the defaults for %s are what the lab builds', (minor) => {
  const { defaults } = row(minor);
  const built = Object.entries(PINS).map(([name, [folder, module]]) => [name, pinned(folder, module)]);
  expect({ ...Object.fromEntries(built), pause: '3.10.2' }).toEqual(defaults);
});

test('every Kubernetes that the lab builds is of a known minor', () => {
  const folders = readdirSync(repository('test/lab/binaries')).filter((name) => name.startsWith('kubernetes-'));
  const versions = folders.map((folder) => pinned(folder, 'k8s.io/kubernetes') ?? '');
  expect(versions.map((version) => minorOf(version)?.minor)).toEqual(
    folders.map((name) => name.replace('kubernetes-', '')),
  );
});

test('the defaults of a minor are never older than what it needs', () => {
  for (const minor of MINORS) {
    for (const name of ['etcd', 'containerd', 'runc'] as const) {
      expect(neededInstead(minor, name, minor.defaults[name])).toBeUndefined();
    }
  }
});

test('minors stand in order, each released before it ends', () => {
  expect(MINORS.map(({ minor }) => minor)).toEqual(['1.34', '1.35', '1.36']);
  for (const { released, endOfLife } of MINORS) expect(released < endOfLife).toBe(true);
});

test.each([
  ['1.36', 'containerd', 'v1.7.29', 'v2.2.0'],
  ['1.36', 'containerd', 'v2.1.9', 'v2.2.0'],
  ['1.36', 'containerd', 'v2.2.0', undefined],
  ['1.36', 'containerd', 'v3.0.0', undefined],
  ['1.35', 'containerd', 'v2.1.4', 'v2.1.5'],
  ['1.35', 'containerd', 'v2.1.5', undefined],
  ['1.34', 'containerd', 'v2.0.5', 'v2.0.6'],
  ['1.34', 'containerd', 'v2.1.2', 'v2.1.3'],
  ['1.34', 'containerd', 'v2.2.0', undefined],
  ['1.36', 'etcd', 'v3.4.37', 'v3.5.24'],
  ['1.36', 'etcd', 'v3.5.23', 'v3.5.24'],
  ['1.36', 'etcd', 'v3.5.24', undefined],
  ['1.36', 'etcd', 'v3.6.0', undefined],
  ['1.36', 'runc', 'v1.3.5', 'v1.3.6'],
  ['1.36', 'runc', 'v1.2.9', 'v1.3.6'],
  ['1.36', 'flannel', 'v0.1.0', undefined],
] as const)('with %s, %s %s would have to be %s', (minor, name, version, needed) => {
  expect(neededInstead(row(minor), name, version)).toBe(needed);
});

test('versions are compared as numbers', () => {
  expect(compareVersions('v3.6.9', 'v3.6.16')).toBeLessThan(0);
  expect(compareVersions('3.10.2', '3.9')).toBeGreaterThan(0);
  expect(compareVersions('v1.9.1-flannel1', 'v1.9.1')).toBe(0);
  expect(minorOf('v1.3.6')).toBeUndefined();
});

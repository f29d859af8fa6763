import { join } from 'node:path/posix';
import type { VersionedName } from '../model/inventory.ts';
import { PLACES } from './places.ts';

export interface ProgramSet {
  component: VersionedName;
  type: 'binary' | 'image';
  /** Program names; for an image its repository, without the tag. */
  names: string[];
  /** Directory of the links; default: the inventory's binDir. */
  linkDir?: string;
}

/** What each versioned component is made of. The cache's layout is `bin/<component>/<version>/<arch>/<name>`. */
export const PROGRAM_SETS: readonly ProgramSet[] = [
  {
    component: 'kubernetes',
    type: 'binary',
    names: ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy', 'kubectl'],
  },
  { component: 'etcd', type: 'binary', names: ['etcd', 'etcdctl', 'etcdutl'] },
  { component: 'containerd', type: 'binary', names: ['containerd', 'containerd-shim-runc-v2', 'ctr'] },
  { component: 'runc', type: 'binary', names: ['runc'] },
  {
    component: 'cni-plugins',
    type: 'binary',
    names: ['bridge', 'host-local', 'loopback', 'portmap'],
    linkDir: PLACES.cniBin,
  },
  { component: 'cni-plugin-flannel', type: 'binary', names: ['flannel'], linkDir: PLACES.cniBin },
  { component: 'flannel', type: 'binary', names: ['flanneld'] },
  { component: 'crictl', type: 'binary', names: ['crictl'] },
  { component: 'coredns', type: 'image', names: ['registry.k8s.io/coredns/coredns'] },
  { component: 'pause', type: 'image', names: ['registry.k8s.io/pause'] },
  // Only when the inventory names a version; `host` means the one of HOST_PROGRAMS.
  { component: 'haproxy', type: 'binary', names: ['haproxy'] },
];

export const programSet = (component: VersionedName): ProgramSet => {
  const set = PROGRAM_SETS.find((row) => row.component === component);
  if (set === undefined) throw new Error(`no artifacts for "${component}"`);
  return set;
};

/** Programs that come with the host's own packages, where Debian, Ubuntu and the RHEL family put them. */
export const HOST_PROGRAMS = {
  haproxy: { path: '/usr/sbin/haproxy', package: 'haproxy' },
  iptables: { path: '/usr/sbin/iptables', package: 'iptables' },
  nft: { path: '/usr/sbin/nft', package: 'nftables' },
} as const;

/** Immutable place of one version of a program. */
export const versionedPath = (component: string, version: string, name: string): string =>
  join(PLACES.versions, component, version, name);

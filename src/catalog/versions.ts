import type { VersionedName } from '../model/inventory.ts';

/**
 * What goes with each Kubernetes minor: the defaults of an inventory that names only `kubernetes`, and the oldest
 * partners. Sources: kubeadm's constants.go of each release (etcd, pause, CoreDNS), containerd's RELEASES.md.
 */
export interface Minor {
  minor: string;
  released: string;
  endOfLife: string;
  defaults: Record<Exclude<VersionedName, 'kubernetes' | 'haproxy'>, string>;
  /**
   * Oldest version of each release line that may be paired with it. Lines older than the first are refused, lines
   * newer than the last are taken.
   */
  minimum: Partial<Record<VersionedName, readonly string[]>>;
}

/** containerd 2.3 is the line with long-term support, and it is built against runc 1.4. */
const COMMON = {
  etcd: 'v3.6.16',
  containerd: 'v2.3.7',
  runc: 'v1.4.3',
  'cni-plugins': 'v1.9.1',
  'cni-plugin-flannel': 'v0.9.1',
  flannel: 'v0.28.4',
  crictl: 'v1.36.0',
  coredns: 'v1.14.2',
  pause: '3.10.2',
} as const;

/**
 * kubeadm's MinExternalEtcdVersion is 3.5.24 for all three. containerd 1.x is left out although 1.34 and 1.35 take
 * it: it cannot read version 3 of the configuration file, which is the one that kbin writes.
 */
export const MINORS: readonly Minor[] = [
  {
    minor: '1.34',
    released: '2025-08-27',
    endOfLife: '2026-10-27',
    defaults: { ...COMMON, coredns: 'v1.12.1', pause: '3.10.1' },
    minimum: { etcd: ['v3.5.24', 'v3.6.0'], containerd: ['v2.0.6', 'v2.1.3'], runc: ['v1.3.0'] },
  },
  {
    minor: '1.35',
    released: '2025-12-17',
    endOfLife: '2027-02-28',
    defaults: COMMON,
    minimum: { etcd: ['v3.5.24', 'v3.6.0'], containerd: ['v2.1.5', 'v2.2.0'], runc: ['v1.3.0'] },
  },
  {
    minor: '1.36',
    released: '2026-04-22',
    endOfLife: '2027-06-28',
    defaults: COMMON,
    minimum: { etcd: ['v3.5.24', 'v3.6.0'], containerd: ['v2.2.0'], runc: ['v1.3.6', 'v1.4.0'] },
  },
];

/** `host`: the program that the host's own package provides. */
export const HOST_PROVIDED = 'host';

/** Row of a Kubernetes version such as `v1.36.2`; undefined for a minor that the table does not hold. */
export const minorOf = (kubernetes: string): Minor | undefined =>
  MINORS.find(({ minor }) => kubernetes.startsWith(`v${minor}.`));

const numbersOf = (version: string): number[] =>
  (version.replace(/^v/, '').split('-')[0] ?? '').split('.').map((part) => Number(part));

/** Negative when `a` is the older version. What follows a dash (`v1.9.1-flannel1`) does not count. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [numbersOf(a), numbersOf(b)];
  const length = Math.max(left.length, right.length);
  for (let index = 0; index < length; index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** `v3.6` of `v3.6.16`. */
const lineOf = (version: string): string => version.split('.').slice(0, 2).join('.');

/** The oldest version that `version` would have to be for this minor; undefined when it is new enough. */
export function neededInstead(minor: Minor, component: VersionedName, version: string): string | undefined {
  const oldest = minor.minimum[component];
  if (oldest === undefined) return undefined;
  const reached = oldest.filter((candidate) => compareVersions(lineOf(candidate), lineOf(version)) <= 0).at(-1);
  if (reached === undefined) return oldest[0];
  return compareVersions(version, reached) < 0 ? reached : undefined;
}

import type { VersionedName } from '../model/inventory.ts';

/**
 * What goes with each Kubernetes minor: the defaults of an inventory that names only `kubernetes`, and the oldest
 * partners that upstream tests. Sources: kubeadm's constants and dependencies.yaml of each release, containerd's
 * RELEASES.md (support dates as printed there).
 */
export interface Minor {
  minor: string;
  released: string;
  endOfLife: string;
  defaults: Record<Exclude<VersionedName, 'kubernetes' | 'haproxy'>, string>;
  /** Oldest versions that may be paired with it. */
  minimum: Partial<Record<VersionedName, string>>;
}

export const MINORS: readonly Minor[] = [];

/** `host`: the program that the host's own package provides. */
export const HOST_PROVIDED = 'host';

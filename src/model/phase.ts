import type { Role } from './inventory.ts';

export const PHASES = [
  'certificates',
  'host',
  'etcd',
  'apiserver',
  'controllers',
  'runtime',
  'bootstrap',
  'balancer',
  'node',
  'network',
  'addons',
  'cleanup',
] as const;
export type PhaseName = (typeof PHASES)[number];

export const PROBES = [
  'containerd',
  'etcd',
  'apiserver',
  'leases',
  'balancer',
  'kubelet',
  'nodes-registered',
  'nodes-ready',
  'cluster',
  'authority-trusted',
  'authority-distrusted',
  'root-ca',
  'rollouts',
  'published-authorities',
  'tokens',
  'encrypted',
] as const;
export type ProbeName = (typeof PROBES)[number];

/** A condition that the component itself must confirm before anything later starts. */
export interface Gate {
  probe: ProbeName;
  /** Every host of the phase, or a majority of its members. */
  need: 'all' | 'quorum';
  withinSeconds: number;
  /** Units whose journal is shown when the gate fails. */
  units: string[];
}

export interface Phase {
  name: PhaseName;
  /** Where its steps run: the operator's machine, hosts of a role, every Kubernetes node, every host, or the API. */
  on: Role | 'local' | 'node' | 'host' | 'api';
  after: PhaseName[];
  /** How many hosts at once on a live cluster; a first installation always goes wide. */
  width: number | 'all';
  gate?: Gate;
  /**
   * Rows of certs/catalog.yml without which its programs pass no gate: hosts on which one has expired are down already,
   * and are put right all at once.
   */
  vital?: string[];
  /** What the hosts beside the first that takes its turn must confirm before it does, on a live cluster. */
  before?: Gate;
}

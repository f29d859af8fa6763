import { hostsWith, isNode, type Host, type Inventory } from '../model/inventory.ts';
import type { PhaseName } from '../model/phase.ts';
import type { CertificateName } from '../model/pki.ts';

/** A port of the hosts behind TLS, and the row of certs/catalog.yml whose certificate it must present. */
export interface Listener {
  name: string;
  /** Row of the certificate; each host has its own. */
  row: string;
  /** Authority that signs what the program asks for by itself, so that the store has none. */
  signer?: CertificateName;
  phase: PhaseName;
  port: (inventory: Pick<Inventory, 'apiPort'>) => number;
  on: (inventory: Inventory) => Host[];
}

const controlPlanes = (inventory: Inventory): Host[] => hostsWith(inventory, 'control-plane');
const nodesServing = (inventory: Inventory, maker: Inventory['certificates']['kubeletServing']): Host[] =>
  inventory.certificates.kubeletServing === maker ? inventory.hosts.filter(isNode) : [];
const members = (inventory: Inventory): Host[] =>
  inventory.etcd.external === undefined ? hostsWith(inventory, 'etcd') : [];

/** Everything that kbin's components serve with a certificate. */
export const LISTENERS: readonly Listener[] = [
  { name: 'etcd clients', row: 'etcd-server', phase: 'etcd', port: () => 2379, on: members },
  { name: 'etcd peers', row: 'etcd-peer', phase: 'etcd', port: () => 2380, on: members },
  {
    name: 'kube-apiserver',
    row: 'apiserver',
    phase: 'apiserver',
    port: ({ apiPort }) => apiPort,
    on: controlPlanes,
  },
  {
    name: 'kube-controller-manager',
    row: 'controller-manager-serving',
    phase: 'controllers',
    port: () => 10257,
    on: controlPlanes,
  },
  { name: 'kube-scheduler', row: 'scheduler-serving', phase: 'controllers', port: () => 10259, on: controlPlanes },
  {
    name: 'kubelet',
    row: 'kubelet-serving',
    phase: 'node',
    port: () => 10250,
    on: (inventory) => nodesServing(inventory, 'kbin'),
  },
  {
    name: 'kubelet',
    row: 'kubelet-serving',
    signer: 'kubelet-signer',
    phase: 'node',
    port: () => 10250,
    on: (inventory) => nodesServing(inventory, 'kubelet'),
  },
];

/** Address at which a listener of this host is asked, from the host itself: peers of etcd listen on no other. */
export const listenerAddress = (listener: Listener, host: Pick<Host, 'address'>): string =>
  listener.row === 'etcd-peer' ? host.address : '127.0.0.1';

import { type Host, type Inventory, hostsWith, isNode } from '../model/inventory.ts';
import type { KeyUsage } from '../model/pki.ts';
import type { SanRule } from './sans.ts';

/** Which hosts have their own certificate of a row. `cluster` has none: there is one for all. */
export const SELECTORS = {
  cluster: () => [],
  'control-plane': (inventory: Inventory) => hostsWith(inventory, 'control-plane'),
  etcd: (inventory: Inventory) => hostsWith(inventory, 'etcd'),
  node: (inventory: Inventory) => inventory.hosts.filter(isNode),
} satisfies Record<string, (inventory: Inventory) => Host[]>;

/** Conditions under which a row exists at all. */
export const CONDITIONS = {
  'managed-etcd': (inventory: Inventory) => inventory.etcd.external === undefined,
  flannel: (inventory: Inventory) => inventory.network.cni.name === 'flannel',
  'kubelet-serving': (inventory: Inventory) => inventory.certificates.kubeletServing === 'kbin',
} satisfies Record<string, (inventory: Inventory) => boolean>;

/** One row of certs/catalog.yml; the fields are explained there. */
export interface CatalogRow {
  name: string;
  per: keyof typeof SELECTORS;
  ca?: string;
  isAuthority: boolean;
  isKeyPair: boolean;
  commonName: string;
  organizations: string[];
  usages: KeyUsage[];
  sans: SanRule[];
  /** Names and addresses beside those of the rules. */
  names?: readonly string[];
  /** A number of days, or which validity of the inventory. */
  days: 'leaf' | 'ca' | number;
  when?: keyof typeof CONDITIONS;
}

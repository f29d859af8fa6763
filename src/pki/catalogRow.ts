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
  days: 'leaf' | 'ca';
  when?: keyof typeof CONDITIONS;
}

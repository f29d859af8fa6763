import type { Facts } from '../model/facts.ts';
import type { Inventory } from '../model/inventory.ts';
import type { Desired } from '../model/resource.ts';

export interface Finding {
  /** Stable name, for `preflight.ignore`. */
  id: string;
  severity: 'error' | 'warning';
  /** Hosts it is about; empty for the whole cluster. */
  hosts: string[];
  message: string;
  fix: string;
}

/** What preflight looks at. */
export interface Ground {
  inventory: Inventory;
  desired: Desired;
  facts: Facts;
}

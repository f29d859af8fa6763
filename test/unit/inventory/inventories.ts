import { fileURLToPath } from 'node:url';
import { faultLine } from '../../../src/inventory/fault.ts';
import { parseInventory } from '../../../src/inventory/parse.ts';
import type { Inventory } from '../../../src/model/inventory.ts';

/** The repository's folder `path`. */
export const repository = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

export const ENVIRONMENT = {
  HOME: '/home/op',
  KBIN_SSH_PASSWORD: 'login-secret',
  KBIN_SUDO_PASSWORD: 'sudo-secret',
  KBIN_SSH_PASSPHRASE: 'key-secret',
};

export const HEAD = 'apiVersion: kbin.dev/v1\nkind: Cluster\nname: prod\n';
export const VERSIONS = 'versions: { kubernetes: v1.36.2 }\n';
export const HOSTS = 'hosts:\n  - { name: a, address: 10.0.0.1, roles: [etcd, control-plane, worker] }\n';

/** The inventory of a text that must be sound; the faults are the message otherwise. */
export function inventoryOf(text: string, environment: Record<string, string | undefined> = ENVIRONMENT): Inventory {
  const parsed = parseInventory(text, '/etc/kbin/prod.yaml', environment);
  if ('inventory' in parsed) return parsed.inventory;
  throw new Error(parsed.faults.map((fault) => faultLine('prod.yaml', fault)).join('\n'));
}

/** Lines of the faults of a text. */
export function faultsOf(text: string, environment: Record<string, string | undefined> = ENVIRONMENT): string[] {
  const parsed = parseInventory(text, '/etc/kbin/prod.yaml', environment);
  return 'faults' in parsed ? parsed.faults.map((fault) => faultLine('prod.yaml', fault)) : [];
}

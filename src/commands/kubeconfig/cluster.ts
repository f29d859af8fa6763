import { join } from 'node:path';
import { hostPort } from '../../desired/context.ts';
import { KbinError } from '../../errors.ts';
import { loadInventory } from '../../inventory/load.ts';
import type { Inventory } from '../../model/inventory.ts';
import type { PkiStore } from '../../model/ports.ts';
import { clusterFolder, pkiFolder } from '../../paths.ts';
import { openPkiStore } from '../../pki/store.ts';
import { text, type Arguments } from '../command.ts';

/** The cluster of an inventory whose certificates are here. */
export interface Cluster {
  inventory: Inventory;
  store: PkiStore;
  id: string;
  /** PEM text of every authority that may have signed what the API servers show. */
  ca: string;
  /** URL of the API from outside the nodes. */
  server: string;
}

/** Throws INVENTORY for its faults, and PKI when the cluster was never deployed from here. */
export async function openCluster(args: Arguments): Promise<Cluster> {
  const inventory = await loadInventory(text(args, 'inventory') ?? '');
  const folder = pkiFolder(inventory.cluster);
  const store = openPkiStore(folder);
  const id = await store.clusterId();
  if (id === null) {
    throw new KbinError('PKI', `there are no certificates of cluster ${inventory.cluster} here`, {
      hint: `Run kbin deploy first; they are kept in ${folder}.`,
    });
  }
  const { host, port } = inventory.endpoint;
  return { inventory, store, id, ca: await trustedAuthorities(store), server: `https://${hostPort(host, port)}` };
}

// Up to the root: not every client takes an authority below it for an anchor.
const trustedAuthorities = async (store: PkiStore): Promise<string> =>
  (await store.read({ certificate: 'ca', part: 'roots' })).reveal();

/**
 * What the cluster entry says. Another server than the inventory's gets an entry of its own, so that contexts that are
 * there already go on to use theirs.
 */
export function entryOf({ inventory, id, ca, server }: Cluster, wishes: { server?: string }) {
  const { server: wanted = server } = wishes;
  const cluster = wanted === server ? inventory.cluster : `${inventory.cluster}@${new URL(wanted).host}`;
  return { cluster, clusterId: id, ca, server: wanted };
}

/** Which kubeconfigs were issued: beside the store, because it holds no secret and outlives the CA. */
export const ledgerFile = (cluster: string): string => join(clusterFolder(cluster), 'kubeconfigs.json');

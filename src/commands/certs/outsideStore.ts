import { KbinError } from '../../errors.ts';
import { loadInventory } from '../../inventory/load.ts';
import type { Inventory } from '../../model/inventory.ts';
import type { CertificateName, StoredCertificate } from '../../model/pki.ts';
import { pkiFolder, readCertificateCatalog } from '../../paths.ts';
import { type CatalogRow, parseCatalog } from '../../pki/catalog.ts';
import { openPkiStore } from '../../pki/store.ts';
import { text, type Arguments } from '../command.ts';
import { systemClock } from '../session.ts';

/** The certificate store of an inventory's cluster, as far as certificates from outside are about it. */
export interface OutsideStore {
  /** As it was named. */
  inventoryFile: string;
  inventory: Inventory;
  rows: CatalogRow[];
  directory: string;
  stored: Record<CertificateName, StoredCertificate>;
  /** Milliseconds since the epoch. */
  now: number;
}

/** Throws INVENTORY for its faults and PKI for a damaged store. */
export async function openOutsideStore(args: Arguments): Promise<OutsideStore> {
  const inventoryFile = text(args, 'inventory') ?? '';
  const [inventory, catalog] = await Promise.all([loadInventory(inventoryFile), readCertificateCatalog()]);
  const directory = pkiFolder(inventory.cluster);
  const stored = await openPkiStore(directory).list();
  return { inventoryFile, inventory, rows: parseCatalog(catalog), directory, stored, now: systemClock.now() };
}

/** All that is wrong with what was given, as one error. */
export function faultsError(faults: readonly string[], hint: string): KbinError {
  const [first = '', ...others] = faults;
  // One fault needs no list.
  if (others.length === 0) return new KbinError('PKI', first, { hint: `${hint} Nothing was written.` });
  const message = `${faults.length} faults in what was given`;
  return new KbinError('PKI', message, { evidence: faults, hint: `${hint} Nothing was written.` });
}

export const say = (line: string): void => void process.stdout.write(`${line}\n`);
export const warn = (note: string): void => void process.stderr.write(`warning: ${note}\n`);

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { KbinError } from '../errors.ts';
import type { BackupPlaces } from './backup.ts';
import { type Backup, LEDGER, PKI } from './backupFormat.ts';
import { clusterIdOf } from './clusterId.ts';

/** A file that is in the place of one of a backup. */
export interface Present {
  body: Buffer;
  modifiedAt: number;
}

/** Files that are in the places, by what their places in a backup would be. */
export function filesThere({ pki, ledger }: BackupPlaces): Map<string, Present> {
  const paths = existsSync(pki) ? readdirSync(pki, { recursive: true, encoding: 'utf8' }) : [];
  const files = paths
    .filter((path) => path.split('/').every((part) => !part.startsWith('.')))
    .map((path) => [`${PKI}/${path}`, join(pki, path)] as const);
  const present = new Map<string, Present>();
  for (const [place, path] of [...files, [LEDGER, ledger] as const]) {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found?.isFile() === true) present.set(place, { body: readFileSync(path), modifiedAt: found.mtimeMs });
  }
  return present;
}

export const differs = ({ files }: Backup, place: string, { body }: Present): boolean =>
  files.get(place)?.body.equals(body) !== true;

/** True when the same files are there, all of them or those below one folder. */
export function isSame(backup: Backup, there: ReadonlyMap<string, Present>, folder?: string): boolean {
  const isAsked = (place: string): boolean => folder === undefined || place.startsWith(`${folder}/`);
  const own = [...there].filter(([place]) => isAsked(place));
  const wanted = [...backup.files.keys()].filter(isAsked);
  return own.length === wanted.length && own.every(([place, present]) => !differs(backup, place, present));
}

/** Throws REFUSED where something would have to go that the backup does not know. */
export function refuseLoss(backup: Backup, { pki }: BackupPlaces, there: ReadonlyMap<string, Present>): void {
  const hint = 'Add --force to replace it all the same; what is there is kept aside. Nothing was restored.';
  if ([...there.keys()].some((place) => place !== LEDGER)) {
    const id = idOf(pki);
    if (id !== backup.clusterId)
      throw new KbinError(
        'REFUSED',
        `${pki} is the store of ${id === null ? 'an unknown cluster' : `cluster ${id}`}, and the backup is of ${backup.clusterId}`,
        { hint },
      );
  }
  const newer = [...there].filter(
    ([place, present]) => present.modifiedAt > Date.parse(backup.madeAt) && differs(backup, place, present),
  );
  if (newer.length === 0) return;
  const files = newer.map(([place, { modifiedAt }]) => `${place} was written ${new Date(modifiedAt).toISOString()}`);
  throw new KbinError('REFUSED', `${pki} is newer than the backup, which was made ${backup.madeAt}`, {
    hint,
    evidence: files,
  });
}

/** Null for a store whose first CA is missing or damaged: nobody can tell whose it is. */
export function idOf(pki: string): string | null {
  try {
    return clusterIdOf(pki);
  } catch (error) {
    if (error instanceof KbinError) return null;
    throw error;
  }
}

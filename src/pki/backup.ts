import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { KbinError } from '../errors.ts';
import { guarded } from './access.ts';
import { type Audience, encryptBytes } from './age.ts';
import { type BackupHead, HEAD, LEDGER, maxBackupBytes, PKI, placeFault } from './backupFormat.ts';
import { clusterIdOf } from './clusterId.ts';
import { finishPending } from './journal.ts';
import { openPkiStore } from './store.ts';

/** What a backup is of. */
export interface BackupPlaces {
  /** The certificate store. */
  pki: string;
  /** Which kubeconfigs were issued; may be missing. */
  ledger: string;
}

/** A file of the store, with what tells whether it was changed. */
interface Found {
  /** Its place in the backup. */
  place: string;
  file: string;
  modifiedAt: number;
  stamp: string;
}

const TRIES = 5;

/**
 * The whole store as one encrypted file: a tar archive that age opens, also without kbin. Locked keys stay locked in it.
 * Throws PKI for a store that is empty or damaged: a backup of it could not be restored.
 */
export const backUp = (
  places: BackupPlaces,
  about: Pick<BackupHead, 'cluster' | 'kbin'> & { now: number },
  audience: Audience,
): Promise<{ bytes: Uint8Array; clusterId: string; files: number }> =>
  guarded(places.pki, async () => {
    const { now, ...named } = about;
    await openPkiStore(places.pki).list();
    const clusterId = clusterIdOf(places.pki);
    if (clusterId === null)
      throw new KbinError('PKI', `${places.pki} has no certificates: there is nothing to back up`);
    const files = await snapshot(places);
    const head: BackupHead = { version: 1, ...named, clusterId, madeAt: new Date(now).toISOString() };
    const archive = await tarOf([
      { place: HEAD, modifiedAt: now, body: Buffer.from(`${JSON.stringify(head, null, 1)}\n`) },
      ...files,
    ]);
    return { bytes: await encryptBytes(archive, audience), clusterId, files: files.length };
  });

interface Entry {
  place: string;
  modifiedAt: number;
  body: Buffer;
}

/** Every file as it was at one moment. Throws PKI while others go on to write. */
async function snapshot(places: BackupPlaces): Promise<Entry[]> {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    await finishPending(places.pki);
    const found = look(places);
    const bodies = found.map(({ file }) => readIfThere(file));
    if (stampsOf(look(places)) !== stampsOf(found)) continue;
    return found.map(({ place, modifiedAt }, index) => ({ place, modifiedAt, body: bodies[index] ?? Buffer.alloc(0) }));
  }
  throw new KbinError('PKI', `${places.pki} is being written by other runs all the time`, { hint: 'Let them end.' });
}

const stampsOf = (found: readonly Found[]): string => found.map(({ place, stamp }) => `${place} ${stamp}`).join('\n');

/** Another run may just have removed it; the comparison afterwards tells. */
function readIfThere(file: string): Buffer {
  return statSync(file, { throwIfNoEntry: false }) === undefined ? Buffer.alloc(0) : readFileSync(file);
}

function look({ pki, ledger }: BackupPlaces): Found[] {
  const files = readdirSync(pki, { recursive: true, encoding: 'utf8' })
    // What begins with a dot is no part of the store: a write of it under way, or something of another program.
    .filter((path) => path.split('/').every((part) => !part.startsWith('.')))
    .sort()
    .map((path) => ({ place: `${PKI}/${path}`, file: join(pki, path) }));
  const all = [...files, { place: LEDGER, file: ledger }].flatMap((one) => describe(one));
  const bytes = all.reduce((sum, { size }) => sum + size, 0);
  if (bytes > maxBackupBytes)
    throw new KbinError('PKI', `${pki} has ${bytes} bytes; a backup holds ${maxBackupBytes} at most`, {
      hint: 'Move away what is not of the store.',
    });
  return all;
}

function describe({ place, file }: { place: string; file: string }): (Found & { size: number })[] {
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (found === undefined || found.isDirectory()) return [];
  const fault = found.isFile() ? placeFault(place) : 'is no plain file';
  if (fault !== undefined)
    throw new KbinError('PKI', `${file} ${fault}, so it cannot be backed up`, { hint: 'Move it out of the store.' });
  const { ino, mtimeMs, ctimeMs, size } = found;
  return [{ place, file, size, modifiedAt: mtimeMs, stamp: [ino, mtimeMs, ctimeMs, size].join(' ') }];
}

async function tarOf(entries: readonly Entry[]): Promise<Buffer> {
  const archive = pack();
  const whole = buffer(archive);
  for (const { place, modifiedAt, body } of entries) {
    archive.entry({ name: place, mode: 0o600, mtime: new Date(modifiedAt), size: body.length }, body);
  }
  archive.finalize();
  return whole;
}

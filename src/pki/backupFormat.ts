import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { extract } from 'tar-stream';
import { KbinError } from '../errors.ts';
import { decryptBytes, type Identity } from './age.ts';

/** First entry of a backup; the others are the files of the store below `pki/`, and the ledger. */
export const HEAD = 'backup.json';
export const PKI = 'pki';
export const LEDGER = 'kubeconfigs.json';

/** A store of a thousand nodes has 20 MB; a backup is read into memory before anything of it is believed. */
export const maxBackupBytes = 256 * 1024 * 1024;

export interface BackupHead {
  version: 1;
  cluster: string;
  clusterId: string;
  /** ISO 8601: everything in it is older. */
  madeAt: string;
  /** Version of the kbin that made it. */
  kbin: string;
}

export interface BackupFile {
  body: Buffer;
  /** Milliseconds since the epoch. */
  modifiedAt: number;
}

export interface Backup extends BackupHead {
  /** By their places: below `pki/`, and perhaps `kubeconfigs.json`. */
  files: ReadonlyMap<string, BackupFile>;
}

/** Why a file cannot have this place in a backup; undefined when it can. Nothing climbs out of it or hides in it. */
export function placeFault(place: string): string | undefined {
  const [first, ...rest] = place.split('/');
  if (/[\p{C}\\]/u.test(place)) return 'has a name with a character that cannot be seen';
  if (rest.some((part) => part === '' || part.startsWith('.'))) return 'has a name that leads elsewhere';
  if (rest.length === 0) return place === LEDGER || place === HEAD ? undefined : 'belongs to no backup';
  return first === PKI ? undefined : 'belongs to no backup';
}

/**
 * What a backup holds, once all of it was read and none of it is damaged. Anyone who knows the recipient can make one, so
 * its names are not believed. `label` is its file. Throws PKI; undefined when it was encrypted for others.
 */
export async function readBackup(bytes: Uint8Array, identity: Identity, label: string): Promise<Backup | undefined> {
  const archive = await decryptBytes(bytes, identity).catch((error: unknown) => {
    throw fault(label, (error as Error).message);
  });
  return archive === undefined ? undefined : backupIn(archive, label);
}

const fault = (label: string, what: string): KbinError =>
  new KbinError('PKI', `${label} ${what}`, { hint: 'Take another backup. Nothing was restored.' });

async function backupIn(archive: Buffer, label: string): Promise<Backup> {
  if (archive.length > 2 * maxBackupBytes) throw fault(label, 'is too large');
  const files = await filesIn(archive, label);
  const clash = [...files.keys()].find((place) => foldersOf(place).some((folder) => files.has(folder)));
  if (clash !== undefined) throw fault(label, `has an entry ${JSON.stringify(clash)} below one that is a file`);
  const head = headIn(files.get(HEAD)?.body.toString() ?? '');
  if (head === undefined) throw fault(label, 'is no backup of a certificate store, or one of a later kbin');
  files.delete(HEAD);
  return { ...head, files };
}

const foldersOf = (place: string): string[] =>
  place.split('/').map((_, index, parts) => parts.slice(0, index).join('/'));

async function filesIn(archive: Buffer, label: string): Promise<Map<string, BackupFile>> {
  const files = new Map<string, BackupFile>();
  const entries = extract();
  Readable.from([archive]).pipe(entries);
  try {
    for await (const entry of entries) {
      const { name, type, mtime } = entry.header;
      const what = type === 'file' ? placeFault(name) : 'is no plain file';
      if (what !== undefined) throw fault(label, `has an entry ${JSON.stringify(name)} that ${what}`);
      if (files.has(name)) throw fault(label, `has two entries ${JSON.stringify(name)}`);
      files.set(name, { body: await buffer(entry), modifiedAt: mtime.getTime() });
    }
  } catch (error) {
    if (error instanceof KbinError) throw error;
    throw fault(label, 'holds no archive that can be read');
  }
  return files;
}

/** As inventories name clusters; it becomes part of a path. */
const CLUSTER = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;

function headIn(text: string): BackupHead | undefined {
  try {
    const { version, ...rest } = JSON.parse(text) as Partial<Record<string, unknown>>;
    const [cluster, clusterId, madeAt, kbin] = [rest['cluster'], rest['clusterId'], rest['madeAt'], rest['kbin']].map(
      (value) => (typeof value === 'string' && /^[A-Za-z0-9.:_+-]+$/.test(value) ? value : undefined),
    );
    if (version !== 1 || cluster === undefined || !CLUSTER.test(cluster) || clusterId === undefined) return undefined;
    if (madeAt === undefined || Number.isNaN(Date.parse(madeAt)) || kbin === undefined) return undefined;
    return { version, cluster, clusterId, madeAt, kbin };
  } catch {
    return undefined;
  }
}

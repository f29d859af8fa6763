import { randomBytes } from 'node:crypto';
import { closeSync, fchownSync, fsyncSync, openSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { systemCode } from './journal.ts';

/** A file that is written and synced beside its place. */
export interface Staged {
  /** Gives it its place, on the disk for good. */
  place: () => void;
  /** Removes it, unless it has its place. */
  drop: () => void;
}

const BACKUP = '.kbin-backup';
export const backupOf = (path: string): string => `${path}${BACKUP}`;

const ID = /^[0-9a-f]{16}$/;
const prefixOf = (path: string): string => `.${basename(path)}.kbin-`;

/** Writes a file beside its place, mode 0600 and, as far as this process may, of this owner. */
export function stage(path: string, bytes: Buffer, owner?: { uid: number; gid: number }): Staged {
  const folder = dirname(path);
  const staged = join(folder, `${prefixOf(path)}${randomBytes(8).toString('hex')}`);
  try {
    writeSynced(staged, bytes, owner);
  } catch (error) {
    rmSync(staged, { force: true });
    throw error;
  }
  return {
    place: () => {
      renameSync(staged, path);
      syncFolder(folder);
    },
    drop: () => rmSync(staged, { force: true }),
  };
}

/** Removes what killed runs left beside a file, which may hold a key. Only for the holder of the file's lock. */
export function removeStaged(path: string): void {
  const folder = dirname(path);
  const prefixes = [path, backupOf(path)].map(prefixOf);
  const isStaged = (name: string): boolean =>
    prefixes.some((prefix) => name.startsWith(prefix) && ID.test(name.slice(prefix.length)));
  for (const name of readdirSync(folder).filter(isStaged)) rmSync(join(folder, name), { force: true });
}

function writeSynced(path: string, bytes: Buffer, owner: { uid: number; gid: number } | undefined): void {
  const file = openSync(path, 'wx', 0o600);
  try {
    writeFileSync(file, bytes);
    if (owner !== undefined) keepOwner(file, owner);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** With sudo the file of a user would become root's, and the user would be locked out. */
function keepOwner(file: number, { uid, gid }: { uid: number; gid: number }): void {
  if (uid === process.geteuid?.() && gid === process.getegid?.()) return;
  try {
    fchownSync(file, uid, gid);
  } catch (error) {
    if (systemCode(error) !== 'EPERM') throw error;
  }
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { systemCode } from './journal.ts';

/** A file that is to be written. */
export interface StagedFile {
  path: string;
  body: string | Buffer;
  /** Exactly these permissions, whatever the umask; 0600 without. */
  mode?: number;
  /** Whose it is to be, as far as this process may give it away. */
  owner?: { uid: number; gid: number };
}

/** Files that are written and synced beside their places, for their owner alone. */
export interface Staging {
  /** Gives all of them their places, on the disk for good; none, when one cannot get its. */
  place: () => void;
  /** Removes those that have no place. */
  drop: () => void;
}

const ID_BYTES = 8;
/** End of the second name that a file has while the others get their places. */
const KEPT = '.old';
const LEFT = /^[0-9a-f]{16}(?:\.old)?$/;
const prefixOf = (path: string): string => `.${basename(path)}.kbin-`;

/** Writes files beside their places. Where they may not replace, one that is there fails with EEXIST when they are placed. */
export function stage(files: readonly StagedFile[], { replaces }: { replaces: boolean }): Staging {
  const pairs = files.map(({ path }) => ({ from: besideOf(path), to: path }));
  const drop = (): void => {
    for (const { from } of pairs) for (const path of [from, `${from}${KEPT}`]) rmSync(path, { force: true });
  };
  try {
    for (const [index, file] of files.entries()) writeSynced(pairs[index]?.from ?? '', file);
  } catch (error) {
    drop();
    throw error;
  }
  return { place: () => placeAll(pairs, replaces), drop };
}

/** Removes what killed runs left beside a file, which may hold a key. Only for the holder of the file's lock. */
export function removeStaged(path: string): void {
  const folder = dirname(path);
  const prefix = prefixOf(path);
  const left = readdirSync(folder).filter((name) => name.startsWith(prefix) && LEFT.test(name.slice(prefix.length)));
  for (const name of left) rmSync(join(folder, name), { force: true });
}

const besideOf = (path: string): string =>
  join(dirname(path), `${prefixOf(path)}${randomBytes(ID_BYTES).toString('hex')}`);

function writeSynced(path: string, { body, mode = 0o600, owner }: StagedFile): void {
  const file = openSync(path, 'wx', 0o600);
  try {
    writeFileSync(file, body);
    if (owner !== undefined) keepOwner(file, owner);
    fchmodSync(file, mode);
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

interface Pair {
  from: string;
  to: string;
}

function placeAll(pairs: readonly Pair[], replaces: boolean): void {
  const taken: (() => void)[] = [];
  try {
    for (const pair of pairs) taken.unshift(replaces ? replace(pair) : add(pair));
    for (const folder of new Set(pairs.map(({ to }) => dirname(to)))) syncFolder(folder);
  } catch (error) {
    for (const giveBack of taken) giveBack();
    throw error;
  }
}

/** Returns what undoes it. A link fails where a rename would replace. */
function add({ from, to }: Pair): () => void {
  linkSync(from, to);
  return () => rmSync(to, { force: true });
}

/** Returns what undoes it. */
function replace({ from, to }: Pair): () => void {
  const isThere = lstatSync(to, { throwIfNoEntry: false }) !== undefined;
  const kept = isThere ? keep(to, `${from}${KEPT}`) : undefined;
  renameSync(from, to);
  return () => {
    if (kept !== undefined) renameSync(kept, to);
    else if (!isThere) rmSync(to, { force: true });
  };
}

/** A second name for a file; undefined where it can have none: on some filesystems, or when it is another user's. */
function keep(path: string, name: string): string | undefined {
  try {
    linkSync(path, name);
    return name;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
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

import { randomBytes } from 'node:crypto';
import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { KbinError } from '../errors.ts';
import type { Secret } from '../model/secret.ts';

/** A file of the store, relative to its directory. */
export interface NewFile {
  path: string;
  body: string | Secret;
  /** Nothing may ever replace a file at this path: authorities and bare key pairs. */
  isPermanent: boolean;
}

/** What is to become of one path: the staged file of the same number gets its place, or it is removed. */
type Entry = Pick<NewFile, 'path' | 'isPermanent'> & { isRemoved?: true };

const PENDING = '.pending';
const STAGING = '.new-';
const MANIFEST = '.json';
const STALE_MILLISECONDS = 3_600_000;
/**
 * Up to this many files all are synced one by one, beyond it only the permanent ones. 8000 files took 1 s to sync on an
 * idle disk and 8 s on a busy one; a leaf that a power cut loses is found damaged and can be issued again.
 */
const SYNC_ALL_FILES = 512;

/**
 * Writes and removes files so that either all of them or none get their places, whatever kills the process: they are written and
 * synced in a directory beside, which one rename turns into `.pending`; from there each is moved to its place, by this
 * run or by the next one (`finishPending`). So a new certificate never stays beside an old key.
 * Throws PKI when a permanent file exists already.
 */
export async function writeTogether(
  directory: string,
  files: readonly NewFile[],
  removed: readonly string[] = [],
): Promise<void> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const id = randomBytes(8).toString('hex');
  const staging = join(directory, `${STAGING}${id}`);
  try {
    mkdirSync(staging, { mode: 0o700 });
    removeStale(directory, statSync(staging).mtimeMs);
    const entries: Entry[] = [
      ...files.map(({ path, isPermanent }) => ({ path, isPermanent })),
      ...removed.map((path): Entry => ({ path, isPermanent: false, isRemoved: true })),
    ];
    const staged = files.map((file, index) => ({ ...file, path: join(staging, `${id}.${index}`) }));
    staged.push({ path: join(staging, `${id}${MANIFEST}`), body: JSON.stringify(entries), isPermanent: true });
    for (const { path, body } of staged) writeFileSync(path, textOf(body), { flag: 'wx', mode: 0o600 });
    const synced = staged.filter(({ isPermanent }) => isPermanent || files.length <= SYNC_ALL_FILES);
    await sync([...synced.map(({ path }) => path), staging]);
    await commit(directory, staging);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
  await finishPending(directory);
  // Another process may have finished it, or dropped it because it found a permanent file in the place of one of these.
  const lost = files.find(
    ({ path, body, isPermanent }) => isPermanent && readText(join(directory, path)) !== textOf(body),
  );
  if (lost !== undefined)
    throw new KbinError('PKI', `${join(directory, lost.path)} exists already and is never replaced`, {
      hint: 'Another run has made it in the meantime. Run the same command again.',
    });
}

const textOf = (body: string | Secret): string => (typeof body === 'string' ? body : body.reveal());
const readText = (path: string): string | undefined => tolerating(['ENOENT'], () => readFileSync(path, 'utf8'));

/** Moves to their places what an interrupted write left in `.pending`. Several processes may do so at once. */
export async function finishPending(directory: string): Promise<void> {
  const pending = join(directory, PENDING);
  const names = tolerating(['ENOENT'], () => readdirSync(pending));
  if (names === undefined) return;
  const manifest = names.find((name) => name.endsWith(MANIFEST));
  // Without a manifest it was either finished or given up; the names are unique, so nobody else's files are hit.
  if (manifest === undefined) for (const name of names) rmSync(join(pending, name), { force: true });
  else await placeAll(directory, manifest.slice(0, -MANIFEST.length));
  tolerating(['ENOENT', 'ENOTEMPTY', 'EEXIST'], () => rmdirSync(pending));
}

async function placeAll(directory: string, id: string): Promise<void> {
  const manifest = join(directory, PENDING, `${id}${MANIFEST}`);
  const text = readText(manifest);
  // Another process finished in the meantime.
  if (text === undefined) return;
  const entries = (JSON.parse(text) as Entry[]).map(({ path, isPermanent, isRemoved = false }, index) => ({
    from: join(directory, PENDING, `${id}.${index}`),
    to: join(directory, path),
    isPermanent,
    isRemoved,
  }));
  const moves = entries.filter(({ isRemoved }) => !isRemoved);
  // Somebody else's authority came first: all of this write is dropped, and its writer finds out by itself.
  const isTaken = moves.some(({ from, to, isPermanent }) => isPermanent && isOther(from, to));
  if (!isTaken) {
    const folders = [...new Set(moves.map(({ to }) => dirname(to)))];
    for (const folder of folders) mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const move of moves) place(move);
    for (const { to, isRemoved } of entries) if (isRemoved) rmSync(to, { force: true });
    const above = folders.filter((folder) => folder !== directory).map((folder) => dirname(folder));
    await sync(moves.length > SYNC_ALL_FILES ? [directory] : [...new Set([...folders, ...above, directory])]);
  }
  rmSync(manifest, { force: true });
  if (isTaken) for (const { from } of moves) rmSync(from, { force: true });
}

/** A link fails where a rename would replace, so a permanent file cannot be lost to a race either. */
function place({ from, to, isPermanent }: { from: string; to: string; isPermanent: boolean }): void {
  tolerating(['ENOENT'], () => {
    if (!isPermanent) return renameSync(from, to);
    tolerating(['EEXIST'], () => linkSync(from, to));
    rmSync(from);
  });
}

/** True where both are there and `to` is not the very file that an interrupted run linked. */
function isOther(from: string, to: string): boolean {
  // In this order: whoever moves it at this moment makes `to` before `from` goes.
  const [source, target] = [from, to].map((path) => statSync(path, { throwIfNoEntry: false })?.ino);
  return source !== undefined && target !== undefined && source !== target;
}

/** The moment from which the write counts. When another one stands in the way it is finished first. */
async function commit(directory: string, staging: string): Promise<void> {
  for (let attempt = 0; attempt < 10; attempt += 1) {
    const isCommitted = tolerating(['ENOTEMPTY', 'EEXIST'], () => {
      renameSync(staging, join(directory, PENDING));
      return true;
    });
    if (isCommitted) return sync([directory]);
    await finishPending(directory);
  }
  throw new KbinError('PKI', `${directory} is being written by other runs all the time`, {
    hint: `Let them end, or look into ${join(directory, PENDING)}.`,
  });
}

const SYNCED_AT_ONCE = 8;

/** Puts files and directories on the disk for good; several at once, because the filesystem then commits them together. */
export async function sync(paths: readonly string[]): Promise<void> {
  const queue = paths.values();
  const syncRest = async (): Promise<void> => {
    for (const path of queue) {
      const handle = await open(path, 'r');
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    }
  };
  await Promise.all(Array.from({ length: SYNCED_AT_ONCE }, syncRest));
}

/** What a killed run left before its commit. Never a running one's: an hour is long. */
function removeStale(directory: string, now: number): void {
  for (const name of readdirSync(directory).filter((entry) => entry.startsWith(STAGING))) {
    const age = now - (statSync(join(directory, name), { throwIfNoEntry: false })?.mtimeMs ?? now);
    if (age > STALE_MILLISECONDS) rmSync(join(directory, name), { recursive: true, force: true });
  }
}

function tolerating<T>(codes: readonly string[], action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (codes.includes(systemCode(error) ?? '')) return undefined;
    throw error;
  }
}

/** Code of a failed system call, such as ENOENT; undefined for any other error. */
export function systemCode(error: unknown): string | undefined {
  const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  return syscall === undefined ? undefined : code;
}

import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { KbinError } from '../errors.ts';
import { changing } from './access.ts';
import type { BackupPlaces } from './backup.ts';
import { type Backup, type BackupFile, LEDGER, PKI } from './backupFormat.ts';
import { finishPending, sync } from './journal.ts';
import { readIssued } from './kubeconfigLedger.ts';
import { readLock } from './lock.ts';
import { differs, filesThere, idOf, isSame, type Present, refuseLoss } from './restoreChecks.ts';
import { openPkiStore } from './store.ts';

const STAGING = '.restore-';
const STALE_MILLISECONDS = 3_600_000;

export interface RestoreOptions {
  /** Replace what is there whatever it is; it is kept aside. */
  isForced: boolean;
  /** Milliseconds since the epoch. */
  now: number;
}

export interface Restored {
  /** Where what was there is now. */
  aside: string[];
  /** Everything was there already, and nothing was written. */
  isUnchanged: boolean;
  certificates: number;
  isLocked: boolean;
}

/**
 * Puts the store of a backup in its place, after all of it was read as a store is. What is there is kept aside. It is
 * staged beside its place and then renamed: never is half a store there. Throws PKI for a backup whose pairs do not
 * belong together, and REFUSED where another cluster's store is, or something that is newer.
 */
export const restore = (backup: Backup, places: BackupPlaces, { isForced, now }: RestoreOptions): Promise<Restored> =>
  changing(places.pki, async () => {
    mkdirSync(dirname(places.pki), { recursive: true, mode: 0o700 });
    const folder = dirname(realPlace(places.pki));
    removeStale(folder, now);
    const staging = join(folder, `${STAGING}${randomBytes(8).toString('hex')}`);
    try {
      await stage(backup, staging);
      const { certificates, isLocked } = await verify(backup, staging);
      if (existsSync(places.pki)) await finishPending(places.pki);
      const there = filesThere(places);
      if (isSame(backup, there)) return { aside: [], isUnchanged: true, certificates, isLocked };
      if (!isForced) refuseLoss(backup, places, there);
      return { aside: swap(staging, places, { backup, there, now }), isUnchanged: false, certificates, isLocked };
    } finally {
      rmSync(staging, { recursive: true, force: true });
    }
  });

/** The store may be a link to another disk, and can be renamed only there. */
const realPlace = (path: string): string => (existsSync(path) ? realpathSync(path) : path);

/** What a killed run left. Never a running one's: an hour is long. */
function removeStale(folder: string, now: number): void {
  for (const name of readdirSync(folder).filter((entry) => entry.startsWith(STAGING))) {
    const path = join(folder, name);
    const { mtimeMs = now } = statSync(path, { throwIfNoEntry: false }) ?? {};
    if (now - mtimeMs > STALE_MILLISECONDS) rmSync(path, { recursive: true, force: true });
  }
}

async function stage({ files }: Backup, staging: string): Promise<void> {
  mkdirSync(join(staging, PKI), { recursive: true, mode: 0o700 });
  const folders = new Set([staging]);
  for (const [place, file] of files) {
    const path = join(staging, place);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    folders.add(dirname(path));
    write(path, file);
  }
  await sync([...[...files.keys()].map((place) => join(staging, place)), ...folders]);
}

function write(path: string, { body, modifiedAt }: BackupFile): void {
  writeFileSync(path, body, { flag: 'wx', mode: 0o600 });
  utimesSync(path, modifiedAt / 1000, modifiedAt / 1000);
}

/** Reads everything as it will be read in its place. Locked keys are seen to be whole, but not opened. */
async function verify(backup: Backup, staging: string): Promise<{ certificates: number; isLocked: boolean }> {
  const pki = join(staging, PKI);
  try {
    const store = openPkiStore(pki);
    const stored = await store.list();
    await store.rotations();
    readIssued(join(staging, LEDGER));
    const isLocked = readLock(pki) !== null;
    if ((await store.clusterId()) === backup.clusterId) return { certificates: Object.keys(stored).length, isLocked };
  } catch (error) {
    if (!(error instanceof KbinError)) throw error;
    const lines = [error.message, ...error.evidence].map((line) => line.replaceAll(`${staging}/`, ''));
    throw new KbinError('PKI', `the backup of cluster ${backup.cluster} holds a damaged store`, {
      hint: 'Take another backup. Nothing was restored.',
      evidence: lines,
    });
  }
  throw new KbinError(
    'PKI',
    `the backup says that it is of cluster ${backup.clusterId}, but its store is of another one`,
    {
      hint: 'Take another backup. Nothing was restored.',
    },
  );
}

interface Swap {
  backup: Backup;
  there: ReadonlyMap<string, Present>;
  now: number;
}

function swap(staging: string, { pki, ledger }: BackupPlaces, { backup, there, now }: Swap): string[] {
  const stamp = new Date(now).toISOString().replaceAll(/[:.]/g, '-');
  const isOther = there.size > 0 && idOf(pki) !== backup.clusterId;
  const aside = isSame(backup, there, PKI) ? [] : replace(join(staging, PKI), realPlace(pki), stamp);
  const present = there.get(LEDGER);
  const isLedgerLeft = backup.files.has(LEDGER) ? present !== undefined && !differs(backup, LEDGER, present) : !isOther;
  if (!isLedgerLeft) aside.push(...replaceLedger(backup, ledger, stamp));
  return aside;
}

/** It may lie on another disk than the store. */
function replaceLedger({ files }: Backup, ledger: string, stamp: string): string[] {
  const staged = `${ledger}${STAGING}${randomBytes(8).toString('hex')}`;
  const own = files.get(LEDGER);
  try {
    if (own !== undefined) write(staged, own);
    return replace(staged, ledger, stamp);
  } finally {
    rmSync(staged, { force: true });
  }
}

/** Gives a path what is staged for it, if anything is. Returns where what was there is now. */
function replace(from: string, to: string, stamp: string): string[] {
  const kept = `${to}.before-${stamp}`;
  const isThere = existsSync(to);
  if (isThere) renameSync(to, kept);
  try {
    if (existsSync(from)) renameSync(from, to);
  } catch (error) {
    if (isThere) renameSync(kept, to);
    throw error;
  }
  return isThere ? [kept] : [];
}

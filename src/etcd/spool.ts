import { mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { KbinError } from '../errors.ts';
import { cannotWrite } from './localError.ts';

/** Where snapshots stand on this machine until they are at their targets: a folder that only its owner enters. */

/** What nobody has written to for so long was left by a kbin that was killed. */
const STALE_MILLISECONDS = 3_600_000;
/** The snapshot, and what it is packed into (REFERENCE 4). */
const COPIES = 2;

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 1024 ** 2)} MiB`;

/** Makes the folder and removes what interrupted snapshots left. Throws LocalError. */
export async function prepareSpool(folder: string, now: number): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(folder)) {
      if (!/^\..*\.part$/.test(name)) continue;
      const path = join(folder, name);
      const changed = await stat(path).catch(() => undefined);
      if (changed !== undefined && changed.mtimeMs < now - STALE_MILLISECONDS) await rm(path, { force: true });
    }
  } catch (error) {
    throw cannotWrite(folder, error);
  }
}

/** Throws PREFLIGHT when a database of this size has no space there. */
export async function assertSpace(folder: string, databaseBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const [free, needed] = [bavail * bsize, databaseBytes * COPIES];
  if (free >= needed) return;
  throw new KbinError('PREFLIGHT', `${folder} has ${mebibytes(free)} free, a snapshot needs ${mebibytes(needed)}`, {
    hint: 'Make space there: the snapshot, and beside it what it is packed into.',
  });
}

/** Gives a finished file its name, for good. Throws LocalError. */
export async function nameForGood(part: string, folder: string, name: string): Promise<string> {
  const path = join(folder, name);
  try {
    await rename(part, path);
    const handle = await open(folder, 'r');
    await handle.sync().finally(() => handle.close());
  } catch (error) {
    throw cannotWrite(path, error);
  }
  return path;
}

import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { KbinError } from '../errors.ts';
import type { CachedArtifact } from '../model/facts.ts';
import type { ArtifactRef } from '../model/resource.ts';

/** `kbin.lock` in the store: exact sha256 of everything, sorted, so that it reads well in a review. */
interface Lock {
  version: number;
  artifacts: CachedArtifact[];
}

/** What one artifact is called, wherever it lies. */
export const identity = (ref: ArtifactRef): string => [ref.component, ref.version, ref.arch, ref.name].join(' ');
const byIdentity = (a: ArtifactRef, b: ArtifactRef): number => (identity(a) < identity(b) ? -1 : 1);

/** What a lock file says; nothing where there is none. Throws CACHE for one that cannot be read. */
export async function readLockFile(file: string): Promise<CachedArtifact[]> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return [];
  try {
    const lock = JSON.parse(text) as Partial<Lock>;
    if (lock.version === 1 && lock.artifacts !== undefined) return lock.artifacts;
  } catch (cause) {
    throw new KbinError('CACHE', `${file} is not a whole lock file`, {
      hint: 'Restore it, or import into a new cache.',
      cause,
    });
  }
  throw new KbinError('CACHE', `${file} is of another version`, {
    hint: 'Use the kbin that wrote it, or import into a new cache.',
  });
}

/**
 * Adds entries to the lock file, atomically and safe against another import at the same time.
 * @throws KbinError CACHE when an entry is already locked with another sha256 and `replace` is not set.
 */
export async function recordArtifacts(
  file: string,
  entries: readonly CachedArtifact[],
  replace: boolean,
): Promise<void> {
  await exclusively(dirname(file), async () => {
    const known = new Map((await readLockFile(file)).map((entry) => [identity(entry), entry]));
    const conflicts = entries.filter((entry) => (known.get(identity(entry))?.sha256 ?? entry.sha256) !== entry.sha256);
    if (conflicts.length > 0 && !replace) {
      throw new KbinError('CACHE', `${conflicts.length} artifacts differ from ${file}`, {
        evidence: conflicts.map(
          (entry) => `${identity(entry)}: locked ${known.get(identity(entry))?.sha256 ?? ''}, given ${entry.sha256}`,
        ),
        hint: 'If the new content is right, import again with --replace.',
      });
    }
    for (const entry of entries) known.set(identity(entry), entry);
    const lock: Lock = { version: 1, artifacts: [...known.values()].sort(byIdentity) };
    const part = `${file}.${randomBytes(4).toString('hex')}.part`;
    const handle = await open(part, 'wx', 0o644);
    await handle.writeFile(`${JSON.stringify(lock, null, 1)}\n`);
    await handle.sync().finally(() => handle.close());
    await rename(part, file);
  });
}

/** One writer of the lock file at a time; the holder's process id stands in it, so that a dead one is recognized. */
async function exclusively(root: string, work: () => Promise<void>): Promise<void> {
  await mkdir(root, { recursive: true });
  const guard = join(root, '.writer');
  for (let attempt = 0; ; attempt += 1) {
    const handle = await open(guard, 'wx').catch(() => undefined);
    if (handle !== undefined) {
      await handle.writeFile(String(process.pid)).finally(() => handle.close());
      break;
    }
    const holder = Number(await readFile(guard, 'utf8').catch(() => ''));
    if (holder > 0 && !isAlive(holder)) await rm(guard, { force: true });
    else if (attempt > 600)
      throw new KbinError('CACHE', `another import (process ${holder}) holds ${guard} for a minute`, {
        hint: 'Wait for it, or end it.',
      });
    else await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await work().finally(() => rm(guard, { force: true }));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

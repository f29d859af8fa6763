import { constants } from 'node:fs';
import { lstat, mkdir, open, readdir, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import type { Files, FolderEntry } from '../../model/ports.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
const READ_BYTES = 512 * 1024;

const hasCode = (error: unknown, ...codes: string[]): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && codes.includes(String(error.code));

/** Files of this machine. */
export const localFiles: Files = {
  async list(folder) {
    const names = await readdir(folder);
    return (await Promise.all(names.map((name) => entryOf(folder, name)))).flat();
  },

  async makeFolder(path) {
    const first = await mkdir(path, { recursive: true, mode: 0o700 });
    if (first === undefined) return;
    // Each new folder is on the disk when the one above it is.
    for (let made = resolve(path); ; made = dirname(made)) {
      await syncFolder(dirname(made));
      if (made === resolve(first)) return;
    }
  },

  async create(path, source) {
    const handle = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      await writeFile(handle, source);
      await handle.sync();
      return (await handle.stat()).size;
    } finally {
      await handle.close();
    }
  },

  async rename(from, to) {
    await rename(from, to);
    await syncFolder(dirname(to));
  },

  async read(path): Promise<Readable> {
    // A pipe in a file's place would wait for its writer.
    const handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const isFile = await handle.stat().then((stats) => stats.isFile());
    if (isFile) return handle.createReadStream({ highWaterMark: READ_BYTES });
    await handle.close();
    throw Object.assign(new Error(`${path} is no file`), { code: 'EISDIR' });
  },

  async remove(path) {
    await rm(path);
  },

  async freeBytes(folder) {
    const { bsize, bavail, blocks } = await statfs(folder);
    // Some network file systems tell no sizes at all.
    return blocks === 0 ? undefined : bsize * bavail;
  },

  close: () => Promise.resolve(),
};

async function entryOf(folder: string, name: string): Promise<FolderEntry[]> {
  try {
    const stats = await lstat(join(folder, name));
    return [{ name, isFile: stats.isFile(), bytes: stats.size, modifiedAt: stats.mtimeMs }];
  } catch (error) {
    // Removed since it was listed.
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, O_RDONLY);
  try {
    await handle.sync();
  } catch (error) {
    // Some network file systems do not sync folders: theirs are on the disk when the rename returns, or never.
    if (!hasCode(error, 'EINVAL', 'ENOTSUP')) throw error;
  } finally {
    await handle.close();
  }
}

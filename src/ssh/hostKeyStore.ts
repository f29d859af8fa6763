import { type FileHandle, mkdir, open, readFile, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { KbinError } from '../errors.ts';
import { hostKeyFault, knownHostLine, type ShownKey } from './hostKeyFault.ts';
import { judge, knownHosts, type KnownHost } from './knownHosts.ts';
import { codeOf } from './systemError.ts';

/** Another kbin holds the lock for one short write; older than this it is a dead one's. */
const STALE_LOCK_MS = 10_000;

/** Hosts that connect at the same time share one look at the file. */
const FRESH_MS = 250;

interface CachedFile {
  lookedAt: number;
  entries: Promise<KnownHost[]>;
}

/** The known_hosts files on disk: read when they changed, appended to under a lock. */
export class HostKeyStore {
  readonly #files = new Map<string, CachedFile>();
  readonly #parsed = new Map<string, { stamp: string; entries: KnownHost[] }>();
  #appending: Promise<unknown> = Promise.resolve();

  /** Lines of all files in order. A file that is not there holds none; throws CONNECT for one that cannot be read. */
  async entries(files: readonly string[]): Promise<KnownHost[]> {
    const lists = await Promise.all(files.map((file) => this.#read(file)));
    return lists.flat();
  }

  /** The same as the files are this very moment: before a host is refused. */
  async freshEntries(files: readonly string[]): Promise<KnownHost[]> {
    this.#files.clear();
    return this.entries(files);
  }

  /** Adds a key that is still unknown; throws HOST_KEY when another process filed a different one meanwhile. */
  async accept(files: readonly string[], key: ShownKey): Promise<void> {
    const turn = this.#appending.then(() => this.#append(files, key));
    this.#appending = turn.catch(() => undefined);
    await turn.catch((error: unknown) => {
      if (error instanceof KbinError) throw error;
      throw new KbinError(
        'HOST_KEY',
        `The new key of ${key.host} cannot be written to ${key.file} (${codeOf(error)}).`,
        {
          host: key.host,
          hint: 'Make the first file of ssh.knownHosts writable, or add the line below by hand and use hostKeys: strict.',
          evidence: [knownHostLine(key)],
          cause: error,
        },
      );
    });
  }

  #read(file: string): Promise<KnownHost[]> {
    const cached = this.#files.get(file);
    if (cached !== undefined && performance.now() - cached.lookedAt < FRESH_MS) return cached.entries;
    const entries = this.#parse(file);
    this.#files.set(file, { lookedAt: performance.now(), entries });
    return entries;
  }

  async #parse(file: string): Promise<KnownHost[]> {
    try {
      const { mtimeMs, size, ino } = await stat(file);
      const stamp = `${mtimeMs} ${size} ${ino}`;
      const parsed = this.#parsed.get(file);
      if (parsed?.stamp === stamp) return parsed.entries;
      const entries = knownHosts(await readFile(file, 'utf8'), file);
      this.#parsed.set(file, { stamp, entries });
      return entries;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return [];
      throw new KbinError('CONNECT', `Known hosts ${file} cannot be read (${codeOf(error)}).`, {
        hint: 'Check the permissions of the file, or name another one under ssh.knownHosts.',
        cause: error,
      });
    }
  }

  async #append(files: readonly string[], key: ShownKey): Promise<void> {
    await mkdir(dirname(key.file), { recursive: true, mode: 0o700 });
    await locked(key.file, async () => {
      const verdict = judge(await this.freshEntries(files), key.place, key.shown);
      if (verdict.state === 'known') return;
      if (verdict.state !== 'unknown') throw hostKeyFault(verdict, key);
      const before = await readFile(key.file, 'utf8').catch(() => '');
      const newline = before === '' || before.endsWith('\n') ? '' : '\n';
      const handle = await open(key.file, 'a', 0o600);
      try {
        // One write to a file opened for appending: a reader sees the whole line or nothing of it.
        await handle.write(`${newline}${knownHostLine(key)}\n`);
        await handle.sync();
      } finally {
        await handle.close();
        this.#files.clear();
        this.#parsed.delete(key.file);
      }
    });
  }
}

async function locked(file: string, work: () => Promise<void>): Promise<void> {
  const path = `${file}.kbin-lock`;
  const handle = await lock(path);
  try {
    await work();
  } finally {
    await handle.close();
    await unlink(path).catch(() => undefined);
  }
}

async function lock(path: string): Promise<FileHandle> {
  for (;;) {
    try {
      return await open(path, 'wx', 0o600);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    const age = await stat(path).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    if (age > STALE_LOCK_MS) await unlink(path).catch(() => undefined);
    else await pause(20);
  }
}

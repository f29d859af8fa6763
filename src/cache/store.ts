import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { KbinError } from '../errors.ts';
import type { CachedArtifact } from '../model/facts.ts';
import { Measure } from '../model/streams.ts';
import type { ArtifactCache, Encoding } from '../model/ports.ts';
import type { ArtifactRef } from '../model/resource.ts';
import { identity, readLockFile, recordArtifacts } from './lockFile.ts';

const EXTENSIONS: Readonly<Record<Encoding, string>> = { gzip: 'gz', zstd: 'zst' };

/** Takes everything and keeps nothing. */
const discarded = (): Writable =>
  new Writable({
    write: (_chunk, _encoding, done) => {
      done();
    },
  });

/** Exit code of the system's zstd; 127 when it is not there. */
const zstd = (args: string[]): Promise<number> =>
  new Promise((resolve) => {
    const child = spawn('zstd', args, { stdio: 'ignore' });
    child.once('error', () => resolve(127));
    child.once('close', (code) => resolve(code ?? 1));
  });

/** What the system's zstd unpacks. A damaged file shows in the hash: zstd stops at it. */
const zstdOutput = (file: string): Readable =>
  spawn('zstd', ['-q', '-dc', file], { stdio: ['ignore', 'pipe', 'ignore'] }).stdout;

export type CachedContent = Pick<CachedArtifact, 'sha256' | 'bytes' | 'compressedBytes' | 'zstdBytes'>;

/** Content-addressed store: `objects/<sha256>.gz`, compressed once on the way in. */
export class CacheStore implements ArtifactCache {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  get lockFile(): string {
    return join(this.root, 'kbin.lock');
  }

  objectFile(sha256: string, encoding: Encoding = 'gzip'): string {
    return join(this.root, 'objects', `${sha256}.${EXTENSIONS[encoding]}`);
  }

  async list(): Promise<CachedArtifact[]> {
    return readLockFile(this.lockFile);
  }

  async find(ref: ArtifactRef): Promise<CachedArtifact | undefined> {
    return (await this.list()).find((entry) => identity(entry) === identity(ref));
  }

  async openCompressed(artifact: CachedArtifact, encoding: Encoding): Promise<Readable> {
    const file = this.objectFile(artifact.sha256, encoding);
    const bytes = encoding === 'zstd' ? artifact.zstdBytes : artifact.compressedBytes;
    const found = await stat(file).catch(() => undefined);
    if (found?.size !== bytes) {
      const state = found === undefined ? 'is missing' : `has ${found.size} bytes, not ${bytes ?? 0}`;
      throw new KbinError('CACHE', `${file} (${identity(artifact)}) ${state}`, { hint: 'Import it again.' });
    }
    return createReadStream(file, { highWaterMark: 256 * 1024 });
  }

  /** Compresses `file` into the store; returns what is known of the content. The object is complete or absent. */
  async addObject(file: string): Promise<CachedContent> {
    const directory = join(this.root, 'objects');
    await mkdir(directory, { recursive: true });
    const part = join(directory, `.${randomBytes(8).toString('hex')}.part`);
    const measure = new Measure();
    try {
      await pipeline(
        createReadStream(file, { highWaterMark: 1 << 20 }),
        measure,
        createGzip({ level: 4, chunkSize: 1 << 18 }),
        createWriteStream(part),
      );
      const handle = await open(part, 'r+');
      await handle.sync().finally(() => handle.close());
      const sha256 = measure.sha256();
      const { size } = await stat(part);
      await rename(part, this.objectFile(sha256));
      const zstdBytes = await this.#addZstd(file, sha256);
      return { sha256, bytes: measure.bytes, compressedBytes: size, ...(zstdBytes === undefined ? {} : { zstdBytes }) };
    } finally {
      await rm(part, { force: true });
    }
  }

  /** The zstd form, by the operator's own zstd; undefined when there is none. */
  async #addZstd(file: string, sha256: string): Promise<number | undefined> {
    const target = this.objectFile(sha256, 'zstd');
    const part = join(this.root, 'objects', `.${randomBytes(8).toString('hex')}.part`);
    try {
      const code = await zstd(['-q', '-6', '-f', '-o', part, file]);
      if (code !== 0) return undefined;
      const handle = await open(part, 'r+');
      await handle.sync().finally(() => handle.close());
      const { size } = await stat(part);
      await rename(part, target);
      return size;
    } finally {
      await rm(part, { force: true });
    }
  }

  /** Unpacks and hashes one object; returns its sha256, or why it cannot be read. */
  async hashObject(artifact: CachedArtifact, encoding: Encoding): Promise<{ sha256: string } | { unreadable: string }> {
    const measure = new Measure();
    const file = this.objectFile(artifact.sha256, encoding);
    const bytes = encoding === 'zstd' ? artifact.zstdBytes : artifact.compressedBytes;
    try {
      const { size } = await stat(file);
      if (size !== bytes) return { unreadable: `${file} has ${size} bytes, not ${bytes ?? 0}` };
      if (encoding === 'zstd') await pipeline(zstdOutput(file), measure, discarded());
      else await pipeline(createReadStream(file), createGunzip(), measure, discarded());
      return { sha256: measure.sha256() };
    } catch (error) {
      return { unreadable: error instanceof Error ? error.message : String(error) };
    }
  }

  /** See `recordArtifacts`. */
  record(entries: readonly CachedArtifact[], replace: boolean): Promise<void> {
    return recordArtifacts(this.lockFile, entries, replace);
  }
}

import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { KbinError } from '../../errors.ts';
import type { Files } from '../../model/ports.ts';
import type { SnapshotTarget, StoredFile } from '../target.ts';
import { fileFault, full, isFull, isMissing, isUnexplained, telling } from './fault.ts';
import { checkName, isName } from './name.ts';
import { Source } from './source.ts';

/** A running write touches its part all the time; one that rests this long is nobody's. */
const ABANDONED_MS = 3_600_000;
const PART = /^\..+\.part-[0-9a-f]{8}$/;
const partOf = (name: string): string => `.${name}.part-${randomBytes(4).toString('hex')}`;

interface Place {
  label: string;
  folder: string;
  files: Files;
}

/** A folder, wherever it is: what is written is a part until it is whole and on the disk. */
export class FileTarget implements SnapshotTarget {
  readonly label: string;
  readonly #folder: string;
  readonly #files: Files;

  constructor({ label, folder, files }: Place) {
    this.label = label;
    this.#folder = folder;
    this.#files = files;
  }

  async list(): Promise<StoredFile[]> {
    const entries = await this.#entries();
    return entries.flatMap(({ name, isFile, bytes }) => (isFile && isName(name) ? [{ name, bytes }] : []));
  }

  async put(name: string, source: Readable, bytes: number): Promise<void> {
    checkName(this.label, name);
    const input = new Source(name, source, bytes);
    const part = partOf(name);
    try {
      await this.#files.makeFolder(this.#folder);
      await this.#checkRoom(name, bytes);
      const written = await this.#files.create(this.#path(part), input.chunks());
      if (written !== bytes) throw this.#cut(name, written, bytes);
      await this.#files.rename(this.#path(part), this.#path(name));
    } catch (error) {
      input.end();
      await this.#files.remove(this.#path(part)).catch(() => undefined);
      throw input.isFailure(error) ? error : await this.#writeFault(error, name, bytes);
    }
  }

  async open(name: string): Promise<Readable> {
    checkName(this.label, name);
    const fault = (error: unknown): unknown => fileFault(error, this.label, name);
    const stream = await this.#files.read(this.#path(name)).catch((error: unknown) => {
      throw fault(error);
    });
    return telling(stream, fault);
  }

  async remove(name: string): Promise<void> {
    checkName(this.label, name);
    await this.#remove(name);
  }

  async sweep(): Promise<void> {
    const parts = (await this.#entries()).filter(({ name, isFile }) => isFile && PART.test(name));
    if (parts.length === 0) return;
    const now = await this.#now();
    const old = parts.filter(({ modifiedAt }) => now - modifiedAt > ABANDONED_MS);
    for (const { name } of old) await this.#remove(name);
  }

  close(): Promise<void> {
    return this.#files.close();
  }

  async #remove(name: string): Promise<void> {
    await this.#files.remove(this.#path(name)).catch((error: unknown) => {
      if (!isMissing(error)) throw fileFault(error, this.label, name);
    });
  }

  /** What the clock of the file system says, which is not this machine's: the age of a new file of its own. */
  async #now(): Promise<number> {
    const part = partOf('clock');
    return this.#told(this.#folder, async () => {
      try {
        await this.#files.create(this.#path(part), nothing());
        return (await this.#files.list(this.#folder)).find(({ name }) => name === part)?.modifiedAt ?? 0;
      } finally {
        await this.#files.remove(this.#path(part)).catch(() => undefined);
      }
    });
  }

  /** A folder that is not there yet is an empty one. */
  #entries() {
    return this.#told(this.#folder, () =>
      this.#files.list(this.#folder).catch((error: unknown) => {
        if (isMissing(error)) return [];
        throw error;
      }),
    );
  }

  async #told<T>(name: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw fileFault(error, this.label, name);
    }
  }

  #path(name: string): string {
    return `${this.#folder.replace(/\/+$/, '')}/${name}`;
  }

  async #checkRoom(name: string, bytes: number): Promise<void> {
    const free = await this.#files.freeBytes(this.#folder);
    if (free !== undefined && free < bytes) throw full(this.label, name, { bytes, free });
  }

  async #writeFault(error: unknown, name: string, bytes: number): Promise<unknown> {
    if (!isFull(error) && !isUnexplained(error)) return fileFault(error, this.label, name);
    const free = await this.#files.freeBytes(this.#folder).catch(() => undefined);
    const isNoRoom = isFull(error) || (free !== undefined && free < bytes);
    return isNoRoom ? full(this.label, name, { bytes, free }) : fileFault(error, this.label, name);
  }

  #cut(name: string, written: number, bytes: number): KbinError {
    return new KbinError('STEP', `${this.label}: ${written} of ${bytes} bytes of ${name} arrived: it was not kept.`, {
      hint: 'Look at the file system there, and try again.',
    });
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  // A file without bytes.
}

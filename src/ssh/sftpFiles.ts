import type { FileEntryWithStats, SFTPWrapper, Stats } from 'ssh2';
import ssh2 from 'ssh2';
import { posix } from 'node:path';
import type { Files, FolderEntry } from '../model/ports.ts';
import type { SftpCalls } from './sftpCalls.ts';
import { SftpReader } from './sftpReader.ts';
import { writeAll } from './sftpWriter.ts';

const { OPEN_MODE } = ssh2.utils.sftp;
const isCode = (error: unknown, code: string): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === code;

/** Files of a server behind SFTP. `release` ends the connection. */
export class SftpFiles implements Files {
  readonly #calls: SftpCalls;
  readonly #release: () => Promise<void>;

  constructor(calls: SftpCalls, release: () => Promise<void>) {
    this.#calls = calls;
    this.#release = release;
  }

  async list(folder: string): Promise<FolderEntry[]> {
    const entries = await this.#calls.ask<FileEntryWithStats[]>((sftp, done) => sftp.readdir(folder, done));
    return entries.map(({ filename, attrs }) => ({
      name: filename,
      isFile: attrs.isFile(),
      bytes: attrs.size,
      modifiedAt: attrs.mtime * 1000,
    }));
  }

  async makeFolder(path: string): Promise<void> {
    const stats = await this.#statOr(undefined, (sftp, done) => sftp.stat(path, done));
    if (stats?.isDirectory() === true) return;
    if (stats !== undefined) throw coded('ENOTDIR', `${path} is no folder`);
    const above = posix.dirname(path);
    if (above !== path) await this.makeFolder(above);
    try {
      await this.#calls.ask((sftp, done) => sftp.mkdir(path, { mode: 0o700 }, done));
    } catch (error) {
      // Somebody else made it meanwhile: that is told as FAILURE.
      const made = await this.#statOr(undefined, (sftp, done) => sftp.stat(path, done));
      if (made?.isDirectory() !== true) throw error;
    }
  }

  async create(path: string, source: AsyncIterable<Uint8Array>): Promise<number> {
    const flags = OPEN_MODE.WRITE | OPEN_MODE.CREAT | OPEN_MODE.EXCL;
    const handle = await this.#calls.ask<Buffer>((sftp, done) => sftp.open(path, flags, { mode: 0o600 }, done));
    try {
      await writeAll(this.#calls, handle, source);
      if (this.#calls.offers('fsync@openssh.com')) {
        await this.#calls.ask((sftp, done) => sftp.ext_openssh_fsync(handle, done));
      }
      return (await this.#calls.ask<Stats>((sftp, done) => sftp.fstat(handle, done))).size;
    } finally {
      await this.#calls.ask((sftp, done) => sftp.close(handle, done)).catch(() => undefined);
    }
  }

  async rename(from: string, to: string): Promise<void> {
    if (this.#calls.offers('posix-rename@openssh.com')) {
      await this.#calls.ask((sftp, done) => sftp.ext_openssh_rename(from, to, done));
      return;
    }
    // SFTP's own rename may refuse to replace a file.
    await this.remove(to).catch((error: unknown) => {
      if (!isCode(error, 'ENOENT')) throw error;
    });
    await this.#calls.ask((sftp, done) => sftp.rename(from, to, done));
  }

  async read(path: string): Promise<SftpReader> {
    const stats = await this.#calls.ask<Stats>((sftp, done) => sftp.lstat(path, done));
    if (stats.isSymbolicLink()) throw coded('ELOOP', `${path} is a link`);
    if (!stats.isFile()) throw coded('EISDIR', `${path} is no file`);
    const handle = await this.#calls.ask<Buffer>((sftp, done) => sftp.open(path, OPEN_MODE.READ, done));
    const { size } = await this.#calls.ask<Stats>((sftp, done) => sftp.fstat(handle, done));
    return new SftpReader(this.#calls, { handle, bytes: size });
  }

  async remove(path: string): Promise<void> {
    await this.#calls.ask((sftp, done) => sftp.unlink(path, done));
  }

  async freeBytes(folder: string): Promise<number | undefined> {
    if (!this.#calls.offers('statvfs@openssh.com', '2')) return undefined;
    const found = await this.#calls.ask<Record<'f_frsize' | 'f_bavail' | 'f_blocks', number>>((sftp, done) =>
      sftp.ext_openssh_statvfs(folder, done),
    );
    // Some network file systems tell no sizes at all.
    return found.f_blocks === 0 ? undefined : found.f_frsize * found.f_bavail;
  }

  close(): Promise<void> {
    return this.#release();
  }

  /** What a file is, or `otherwise` where there is none. */
  #statOr<T>(
    otherwise: T,
    send: (sftp: SFTPWrapper, done: (error?: Error | null, value?: Stats) => void) => void,
  ): Promise<Stats | T> {
    return this.#calls.ask<Stats>(send).catch((error: unknown) => {
      if (isCode(error, 'ENOENT')) return otherwise;
      throw error;
    });
  }
}

const coded = (code: string, message: string): Error => Object.assign(new Error(message), { code });

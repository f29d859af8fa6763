import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { KbinError } from '../../errors.ts';
import { unpacked } from '../../etcd/compress.ts';
import { readManifest } from '../../etcd/manifest.ts';
import { manifestOf } from '../../etcd/names.ts';
import type { Compression, SnapshotManifest } from '../../model/snapshot.ts';
import { type Identity, kindOf } from '../../pki/age.ts';
import type { Arguments } from '../command.ts';
import type { RunSession } from '../run.ts';
import { identityOf } from '../unlock.ts';
import { spoolOf } from './programs.ts';

/** How a file is packed, by its name. */
function formOf(file: string): { base: string; compression: Compression; encrypted: boolean } {
  const encrypted = file.endsWith('.age');
  const plain = encrypted ? file.slice(0, -'.age'.length) : file;
  const compression: Compression = plain.endsWith('.zst') ? 'zstd' : plain.endsWith('.gz') ? 'gzip' : 'none';
  return { base: plain.replace(/\.(zst|gz)$/, '').replace(/\.db$/, ''), compression, encrypted };
}

/** The manifest beside a snapshot; undefined for one that kbin did not take. */
async function manifestBeside(file: string): Promise<SnapshotManifest | undefined> {
  const { base } = formOf(basename(file));
  const text = await readFile(join(dirname(file), manifestOf(base)), 'utf8').catch(() => undefined);
  const read = text === undefined ? undefined : readManifest(text);
  if (read === undefined || (typeof read === 'object' && 'manifest' in read)) return read?.manifest;
  throw new KbinError('STEP', `the manifest beside ${file} cannot be read`, {
    hint: 'It is damaged, or of another version of kbin. Move it away to use the snapshot without it.',
  });
}

/** A snapshot as etcd sent it, on this machine's disk. */
export interface OpenSnapshot {
  path: string;
  manifest: SnapshotManifest | undefined;
  dispose: () => Promise<void>;
}

/**
 * Decrypts and decompresses a snapshot into the spool, unless it lies there plain. Throws USAGE where there is no such file,
 * PKI when it is encrypted for somebody else.
 */
export async function openSnapshot(session: RunSession, file: string, args: Arguments): Promise<OpenSnapshot> {
  if ((await stat(file).catch(() => undefined))?.isFile() !== true)
    throw new KbinError('USAGE', `${file} is no file`, {
      hint: 'Name a snapshot: a .db, .db.gz, .db.zst or .age of kbin.',
    });
  const manifest = await manifestBeside(file);
  const { base, compression, encrypted } = formOf(basename(file));
  if (compression === 'none' && !encrypted) return { path: file, manifest, dispose: () => Promise.resolve() };
  const spool = spoolOf(session.engine.inventory.cluster);
  await mkdir(spool, { recursive: true, mode: 0o700 });
  const path = join(spool, `.${base}.restored.part`);
  const opened = encrypted ? { identity: await identityFor(file, args) } : {};
  const plain = await unpacked(createReadStream(file), { compression, encrypted, ...opened });
  const dispose = (): Promise<void> => rm(path, { force: true });
  try {
    await pipeline(plain, createWriteStream(path, { mode: 0o600 }));
  } catch (error) {
    await dispose();
    throw error;
  }
  return { path, manifest, dispose };
}

/** Enough for `kindOf`. */
const HEAD_BYTES = 256;

/** What opens it: an identity, or the passphrase that it was encrypted with. */
async function identityFor(file: string, args: Arguments): Promise<Identity> {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    const kind = kindOf(buffer.subarray(0, bytesRead)) ?? 'keys';
    return await identityOf(args)({ what: `${file} is encrypted`, kind });
  } finally {
    await handle.close();
  }
}

import { createReadStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline, type Readable, type Transform } from 'node:stream';
import { pipeline as piped } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { KbinError } from '../errors.ts';
import { Measure, Pulled } from '../model/streams.ts';
import type { Compression } from '../model/snapshot.ts';
import { AgeDamage, type Audience, type Identity } from '../pki/age.ts';
import { decryptStream, encryptStream } from '../pki/ageStream.ts';
import { throughProgram } from './filter.ts';
import { SpoolFile } from './spoolFile.ts';

const CHUNK_BYTES = 256 * 1024;
const EXTENSIONS: Readonly<Record<Compression, string>> = { none: '', gzip: '.gz', zstd: '.zst' };
const ZSTD_HINT = 'Install zstd on this machine, or choose compression gzip.';

/** What is stored of a snapshot. */
export interface StoredBytes {
  bytes: number;
  sha256: string;
}

/** Name of the stored file: NAME.db, .db.gz, .db.zst, each with .age when it is encrypted. */
export const storedName = (name: string, form: { compression: Compression; encrypted: boolean }): string =>
  `${name}.db${EXTENSIONS[form.compression]}${form.encrypted ? '.age' : ''}`;

/** Both streams are destroyed when either fails, with the error where it is read. */
const through = (source: Readable, stage: Transform): Transform => pipeline(source, stage, () => undefined);

function compressed(source: Readable, compression: Compression): Readable {
  if (compression === 'zstd') {
    return throughProgram(source, { program: 'zstd', args: ['-q', '-c', '-T0'], hint: ZSTD_HINT });
  }
  // The fastest: a snapshot is mostly JSON and protobuf, where higher levels cost much time and save little.
  return compression === 'gzip' ? through(source, createGzip({ level: 1, chunkSize: CHUNK_BYTES })) : source;
}

/** A snapshot as it is stored: compressed, then encrypted for the audience, if there is one. */
export function packed(source: Readable, form: { compression: Compression; audience?: Audience }): Readable {
  const plain = compressed(source, form.compression);
  return form.audience === undefined ? plain : encryptStream(plain, form.audience);
}

/**
 * The same from file to file; `to` is whole or not there, and only its owner reads it. Not synced to the disk: it is on its
 * way to its targets. Throws LocalError, also where zstd is not installed.
 */
export async function packFile(
  from: string,
  to: string,
  form: { compression: Compression; audience?: Audience },
): Promise<StoredBytes> {
  const part = join(dirname(to), `.${basename(to)}.part`);
  const measure = new Measure();
  try {
    await rm(part, { force: true });
    const source = createReadStream(from, { highWaterMark: CHUNK_BYTES });
    await piped(packed(source, form), measure, new SpoolFile(part, { isSynced: false }));
    await rename(part, to);
  } finally {
    await rm(part, { force: true });
  }
  return { bytes: measure.bytes, sha256: measure.sha256() };
}

function decompressed(source: Readable, compression: Compression): Readable {
  if (compression === 'zstd') {
    return throughProgram(source, { program: 'zstd', args: ['-q', '-d', '-c'], hint: ZSTD_HINT });
  }
  return compression === 'gzip' ? through(source, createGunzip({ chunkSize: CHUNK_BYTES })) : source;
}

/** Codes of zlib's own errors (node, "zlib", Constants). */
const isDamage = (error: unknown): boolean =>
  error instanceof AgeDamage || (error as NodeJS.ErrnoException).code?.startsWith('Z_') === true;

/** What a stage fails with, in words. */
function explanation(error: unknown): unknown {
  if (!isDamage(error)) return error;
  const hint = 'Use another snapshot, or an unchanged copy of this one.';
  return new KbinError('STEP', 'what is stored of the snapshot is damaged or cut off', { cause: error, hint });
}

async function* explained(source: Readable): AsyncGenerator<Buffer> {
  try {
    yield* source as AsyncIterable<Buffer>;
  } catch (error) {
    throw explanation(error);
  }
}

async function decrypted(stored: Readable, identity: Identity | undefined): Promise<Readable> {
  const opening = identity === undefined ? undefined : decryptStream(stored, identity);
  const plain = await opening?.catch((error: unknown) => {
    throw explanation(error);
  });
  if (plain !== undefined) return plain;
  stored.destroy();
  throw new KbinError('PKI', 'the snapshot is encrypted for somebody else', {
    hint: 'Give the age identity of one of the recipients that it was encrypted for.',
  });
}

/**
 * A snapshot as etcd sent it, from what is stored. The stream fails with STEP where that is damaged or cut off, and with
 * LocalError where zstd is not installed.
 *
 * @throws KbinError PKI when it is encrypted and the identity does not open it, or there is none, STEP when its
 * head is damaged.
 */
export async function unpacked(
  stored: Readable,
  form: { compression: Compression; encrypted: boolean; identity?: Identity },
): Promise<Readable> {
  const plain = form.encrypted ? await decrypted(stored, form.identity) : stored;
  const source = decompressed(plain, form.compression);
  return new Pulled(explained(source), { stop: () => source.destroy() });
}

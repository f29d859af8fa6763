import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { KbinError } from '../errors.ts';
import { Measure } from '../model/streams.ts';
import type { Compression, SnapshotManifest } from '../model/snapshot.ts';
import type { Audience } from '../pki/age.ts';
import { packFile, storedName, type StoredBytes } from './compress.ts';
import { manifestOf } from './names.ts';
import type { SnapshotTarget } from './target.ts';
import type { TakenSnapshot } from './take.ts';

/** What is to lie at targets beside a manifest. */
export interface PackedSnapshot {
  manifest: SnapshotManifest;
  /** Files of this machine, by their names at the target. */
  files: Map<string, { path: string; bytes: number }>;
  /** Takes them away again. */
  dispose: () => Promise<void>;
}

export interface PackInput {
  /** Folder of this machine for what is packed. */
  spool: string;
  compression: Compression;
  /** Whom the database is encrypted for; in plain without. */
  audience?: Audience;
  /** The certificate store as one encrypted file, and what it is called at targets; absent when nobody can be given it. */
  pki?: { path: string } & StoredBytes;
}

/** Packs a snapshot as it will lie at every target. */
export async function packSnapshot(taken: TakenSnapshot, input: PackInput): Promise<PackedSnapshot> {
  const { spool, compression, audience, pki } = input;
  const form = { compression, encrypted: audience !== undefined };
  const file = storedName(taken.manifest.name, form);
  const path = join(spool, file);
  const isSame = path === taken.path;
  const stored = isSame
    ? taken.manifest.database
    : await packFile(taken.path, path, { compression, ...(audience === undefined ? {} : { audience }) });
  const pkiFile = `${taken.manifest.name}.pki.age`;
  const manifest: SnapshotManifest = {
    ...taken.manifest,
    stored: { file, ...stored, ...form },
    ...(pki === undefined ? {} : { pki: { file: pkiFile, bytes: pki.bytes, sha256: pki.sha256 } }),
  };
  return {
    manifest,
    files: new Map([
      [file, { path, bytes: stored.bytes }],
      ...(pki === undefined ? [] : [[pkiFile, { path: pki.path, bytes: pki.bytes }] as const]),
    ]),
    dispose: async () => {
      for (const own of [taken.path, path, ...(pki === undefined ? [] : [pki.path])]) await rm(own, { force: true });
    },
  };
}

const discarded = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() });

/** Reads a file of a target back. Throws STEP when it is not what was written. */
async function assertStored(target: SnapshotTarget, name: string, expected: StoredBytes): Promise<void> {
  const measure = new Measure();
  await pipeline(await target.open(name), measure, discarded());
  if (measure.bytes === expected.bytes && measure.sha256() === expected.sha256) return;
  throw new KbinError('STEP', `${target.label}: ${name} is not what was written there`, {
    evidence: [`${measure.bytes} of ${expected.bytes} bytes came back`],
    hint: 'Look at that place: its disk, its quota. The snapshot has no manifest there, so it does not count.',
  });
}

/** Puts a snapshot to a target and reads it back; the manifest comes last, so that without it there is none. */
export async function storeSnapshot(target: SnapshotTarget, { manifest, files }: PackedSnapshot): Promise<void> {
  for (const [name, { path, bytes }] of files) await target.put(name, createReadStream(path), bytes);
  await assertStored(target, manifest.stored.file, manifest.stored);
  if (manifest.pki !== undefined) await assertStored(target, manifest.pki.file, manifest.pki);
  const text = Buffer.from(`${JSON.stringify(manifest, null, 1)}\n`);
  await target.put(manifestOf(manifest.name), Readable.from([text]), text.length);
}

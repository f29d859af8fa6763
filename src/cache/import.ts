import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { KbinError } from '../errors.ts';
import type { CachedArtifact } from '../model/facts.ts';
import type { Encoding } from '../model/ports.ts';
import { elfOf } from './elf.ts';
import { imageReferences } from './imageArchive.ts';
import { candidatesIn, type Candidate } from './layout.ts';
import type { CacheStore } from './store.ts';

export interface Imported {
  added: CachedArtifact[];
  present: CachedArtifact[];
  /** Paths in the folder that are not artifacts. */
  ignored: string[];
}

/** gzip runs in libuv's pool of four threads; more at once would only cost memory. */
const AT_ONCE = 4;

async function checkBinary({ file, arch }: Candidate): Promise<void> {
  const handle = await open(file, 'r');
  const header = Buffer.alloc(20);
  await handle.read(header, 0, 20, 0).finally(() => handle.close());
  const elf = elfOf(header);
  if (!elf.isElf || elf.arch === arch) return;
  throw new KbinError('CACHE', `${file} is for ${elf.arch}, but lies under ${arch}`, {
    hint: 'Move it to the folder of its architecture.',
  });
}

async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

async function namesOf(candidate: Candidate): Promise<string[]> {
  if (candidate.program === undefined) return imageReferences(candidate.file);
  await checkBinary(candidate);
  return [candidate.program];
}

async function importOne(
  store: CacheStore,
  candidate: Candidate,
  known: readonly CachedArtifact[],
): Promise<{ entries: CachedArtifact[]; isNew: boolean }> {
  const names = await namesOf(candidate);
  const { type, component, version, arch } = candidate;
  const sha256 = await hashFile(candidate.file);
  const same = known.find((entry) => entry.sha256 === sha256);
  const content = same ?? (await store.addObject(candidate.file));
  const entries = names.map((name) => ({
    type,
    component,
    version,
    arch,
    name,
    sha256: content.sha256,
    bytes: content.bytes,
    compressedBytes: content.compressedBytes,
    ...(content.zstdBytes === undefined ? {} : { zstdBytes: content.zstdBytes }),
  }));
  return { entries, isNew: same === undefined };
}

/**
 * Brings a folder of binaries and image archives into the store.
 * @throws KbinError CACHE for another architecture than the folder says, a damaged archive, or content that differs
 * from the lock file (unless `replace`).
 */
export async function importFolder(
  store: CacheStore,
  folder: string,
  options: { replace: boolean; onArtifact?: (file: string) => void },
): Promise<Imported> {
  const { candidates, ignored } = await candidatesIn(folder);
  if (candidates.length === 0) {
    throw new KbinError('CACHE', `${folder} holds nothing to import`, {
      hint: 'Lay it out as bin/<component>/<version>/<arch>/<program> and images/<component>/<version>/<arch>.tar.',
    });
  }
  const known = await store.list();
  const imported: Imported = { added: [], present: [], ignored };
  const queue = [...candidates];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { entries, isNew } = await importOne(store, next, known);
      (isNew ? imported.added : imported.present).push(...entries);
      if (isNew) options.onArtifact?.(next.file);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  await store.record([...imported.added, ...imported.present], options.replace);
  return imported;
}

export interface Damage {
  artifact: CachedArtifact;
  what: string;
}

/** Unpacks and hashes every object again; returns what is wrong. */
export async function verifyStore(store: CacheStore): Promise<{ checked: number; damaged: Damage[] }> {
  const entries = await store.list();
  const unique = [...new Map(entries.map((entry) => [entry.sha256, entry])).values()];
  const damaged: Damage[] = [];
  for (const artifact of unique) {
    const forms: readonly Encoding[] = artifact.zstdBytes === undefined ? ['gzip'] : ['gzip', 'zstd'];
    for (const form of forms) {
      const result = await store.hashObject(artifact, form);
      if ('unreadable' in result) damaged.push({ artifact, what: result.unreadable });
      else if (result.sha256 !== artifact.sha256) {
        damaged.push({ artifact, what: `sha256 of its ${form} form is ${result.sha256}, not ${artifact.sha256}` });
      }
    }
  }
  return { checked: unique.length, damaged };
}

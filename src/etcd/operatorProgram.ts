import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { lstat, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { KbinError } from '../errors.ts';
import type { CachedArtifact } from '../model/facts.ts';
import type { ArtifactCache } from '../model/ports.ts';
import { cannotWrite } from './localError.ts';
import { Measure } from '../model/streams.ts';

/** Node's names of processors in Go's words; the programs of the cache are for Linux. */
const ARCHS: Readonly<Record<string, 'amd64' | 'arm64'>> = { x64: 'amd64', arm64: 'arm64' };

/** The operator's machine. */
export interface Machine {
  platform: string;
  arch: string;
}

async function sha256Of(file: string): Promise<string | undefined> {
  const found = await lstat(file).catch(() => undefined);
  if (found?.isFile() !== true) return undefined;
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

const damaged = ({ name, version }: CachedArtifact, what: string): KbinError =>
  new KbinError('CACHE', `${name} ${version} in the cache ${what}`, { hint: 'Import it again.' });

/** Codes of zlib's own errors (node, "zlib", Constants). */
const isZlibs = (error: unknown): boolean => /^Z_/.test((error as NodeJS.ErrnoException).code ?? '');

async function unpack(cache: ArtifactCache, artifact: CachedArtifact, folder: string): Promise<string> {
  const path = join(folder, `${artifact.name}-${artifact.sha256}`);
  // Looked at each time: it is executed with the operator's rights.
  if ((await sha256Of(path)) === artifact.sha256) return path;
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw cannotWrite(folder, error);
  });
  const part = join(folder, `.${randomBytes(8).toString('hex')}.part`);
  const measure = new Measure();
  try {
    const source = await cache.openCompressed(artifact, 'gzip');
    const program = createWriteStream(part, { flags: 'wx', mode: 0o700 });
    await pipeline(source, createGunzip(), measure, program).catch((error: unknown) => {
      throw isZlibs(error) ? damaged(artifact, 'cannot be unpacked') : cannotWrite(part, error);
    });
    const sha256 = measure.sha256();
    if (sha256 !== artifact.sha256) throw damaged(artifact, `has sha256 ${sha256}, not ${artifact.sha256}`);
    // Another kbin may have been faster: it made the same.
    await rename(part, path);
  } finally {
    await rm(part, { force: true });
  }
  return path;
}

/**
 * Path of a program of etcd that runs on this machine, unpacked once from the cache into a folder that only its owner
 * enters. Undefined where the cache has none for it: another system, another processor, a version that was not imported.
 *
 * @throws KbinError CACHE when the cache is damaged, LocalError when the folder cannot be written.
 */
export async function operatorProgram(
  cache: ArtifactCache,
  program: { name: 'etcdutl' | 'etcdctl' | 'etcd'; version: string },
  place: { folder: string; machine?: Machine },
): Promise<string | undefined> {
  const { platform, arch } = place.machine ?? process;
  const known = ARCHS[arch];
  if (platform !== 'linux' || known === undefined) return undefined;
  const artifact = await cache.find({ type: 'binary', component: 'etcd', arch: known, ...program });
  return artifact === undefined ? undefined : unpack(cache, artifact, place.folder);
}

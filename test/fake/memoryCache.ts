import { Readable } from 'node:stream';
import { sha256 } from '../../src/model/digest.ts';
import type { CachedArtifact } from '../../src/model/facts.ts';
import type { ArtifactCache } from '../../src/model/ports.ts';
import type { ArtifactRef, Desired } from '../../src/model/resource.ts';

const keyOf = ({ component, version, arch, name }: ArtifactRef): string => `${component} ${version} ${arch} ${name}`;

/** A cache that has everything that a desired state asks for. */
export class MemoryCache implements ArtifactCache {
  readonly #artifacts: Map<string, CachedArtifact>;

  constructor(desired: Desired) {
    const wanted = Object.values(desired.hosts)
      .flat()
      .flatMap((resource) => (resource.kind === 'binary' || resource.kind === 'image' ? [resource.artifact] : []));
    this.#artifacts = new Map(
      wanted.map((ref) => {
        const size = { bytes: 40_000_000, compressedBytes: 12_000_000 };
        return [keyOf(ref), { ...ref, sha256: sha256(keyOf(ref)), ...size }];
      }),
    );
  }

  async list(): Promise<CachedArtifact[]> {
    return [...this.#artifacts.values()];
  }

  async openCompressed(): Promise<Readable> {
    return Readable.from([]);
  }

  async find(ref: ArtifactRef): Promise<CachedArtifact | undefined> {
    return this.#artifacts.get(keyOf(ref));
  }
}

import type { CachedArtifact, Facts, HostFacts } from '../model/facts.ts';
import type { Action } from '../model/plan.ts';
import type { ArtifactRef, Resource } from '../model/resource.ts';
import { bodyDigest, type Issued } from './content.ts';

/** One host, as it is and as it should be. */
export interface HostInput {
  host: string;
  resources: readonly Resource[];
  facts: HostFacts;
  local: Facts['local'];
  issued: Issued;
  /** Milliseconds since the epoch: when the host was observed. */
  now: number;
}

/** Why a resource needs a step, and which. */
export interface Need {
  why: string;
  action: Action;
  expect?: string;
}

export const cachedArtifact = (cache: readonly CachedArtifact[], ref: ArtifactRef): CachedArtifact | undefined =>
  cache.find(
    (entry) =>
      entry.component === ref.component &&
      entry.version === ref.version &&
      entry.name === ref.name &&
      entry.arch === ref.arch,
  );

/** sha256 of what a unit reads from a resource, hex; null while it does not exist yet. */
export function digestOf(resource: Resource, local: Facts['local'], issued: Issued): string | null {
  switch (resource.kind) {
    case 'file':
      return bodyDigest(resource.body, local.certificates, issued);
    case 'binary':
      return cachedArtifact(local.cache, resource.artifact)?.sha256 ?? null;
    case 'pair':
      return issued.has(resource.certificate) ? null : (local.certificates[resource.certificate]?.certSha256 ?? null);
    default:
      throw new Error(`a unit cannot restart on a ${resource.kind}: ${resource.id}`);
  }
}

import { basename } from 'node:path/posix';
import { unitInputsDigest } from '../model/digest.ts';
import type { CachedArtifact, Facts, HostFacts, PathFact } from '../model/facts.ts';
import type { Action, Step, UnitInputs } from '../model/plan.ts';
import type {
  ArtifactRef,
  Binary,
  Directory,
  File,
  Image,
  Kernel,
  Pair,
  Resource,
  Unit,
  User,
} from '../model/resource.ts';
import { bodyDigest, type Issued } from './content.ts';

export interface HostInput {
  host: string;
  resources: readonly Resource[];
  facts: HostFacts;
  local: Facts['local'];
  issued: Issued;
}

interface Need {
  why: string;
  action: Action;
  expect?: string;
}

/** Within a wave of one host: what others stand on comes first; images need the containerd that the wave started. */
const ORDER: readonly Resource['kind'][] = [
  'user',
  'directory',
  'host-program',
  'binary',
  'pair',
  'file',
  'kernel',
  'unit',
  'image',
];

export const cachedArtifact = (cache: readonly CachedArtifact[], ref: ArtifactRef): CachedArtifact | undefined =>
  cache.find(
    (entry) =>
      entry.component === ref.component &&
      entry.version === ref.version &&
      entry.name === ref.name &&
      entry.arch === ref.arch,
  );

const attributes = (fact: PathFact, wanted: { mode: string; owner: string }): string | undefined => {
  if (fact.mode !== wanted.mode) return `mode is ${fact.mode}, not ${wanted.mode}`;
  if (fact.owner !== wanted.owner) return `owner is ${fact.owner}, not ${wanted.owner}`;
  return undefined;
};

const userNeeds = (user: User, input: HostInput): Need[] =>
  input.facts.users.includes(user.name) ? [] : [{ why: 'missing', action: { do: 'user', user } }];

function directoryReason(directory: Directory, { facts }: HostInput): string | undefined {
  const fact = facts.paths[directory.path];
  if (fact === undefined) return 'missing';
  // What a link leads to (data on another disk) is not observed: it is set right once, before the path is owned.
  if (fact.type === 'link') return facts.owned?.paths.includes(directory.path) === true ? undefined : 'is a link';
  return fact.type === 'directory' ? attributes(fact, directory) : `is a ${fact.type}, not a directory`;
}

function directoryNeeds(directory: Directory, input: HostInput): Need[] {
  const why = directoryReason(directory, input);
  return why === undefined ? [] : [{ why, action: { do: 'directory', directory } }];
}

function fileNeeds(file: File, input: HostInput): Need[] {
  const fact = input.facts.paths[file.path];
  const digest = bodyDigest(file.body, input.local.certificates, input.issued);
  const expect = fact?.sha256 ?? 'absent';
  const action: Action = { do: 'file', file };
  if (fact === undefined) return [{ why: 'missing', action, expect }];
  if (fact.type !== 'file') return [{ why: `is a ${fact.type}, not a file`, action }];
  if (digest === null) return [{ why: 'holds a certificate that is issued now', action, expect }];
  if (fact.sha256 !== digest) return [{ why: 'content differs', action, expect }];
  const why = attributes(fact, file);
  return why === undefined ? [] : [{ why, action, expect }];
}

/** Where the link of a pair points when it holds the certificate with this digest. */
export const pairTarget = (pair: Pair, certSha256: string): string =>
  `${pair.pairsDir}/${basename(pair.path)}.${certSha256.slice(0, 16)}`;

function pairNeeds(pair: Pair, input: HostInput): Need[] {
  const action: Action = { do: 'pair', pair };
  const stored = input.local.certificates[pair.certificate];
  const link = input.facts.paths[pair.path];
  if (link === undefined) return [{ why: 'missing', action }];
  if (input.issued.has(pair.certificate) || stored === undefined) {
    return [{ why: 'certificate is issued now', action }];
  }
  const certificate = input.facts.paths[`${pair.path}/tls.crt`];
  const key = input.facts.paths[`${pair.path}/tls.key`];
  if (link.target !== pairTarget(pair, stored.certSha256) || certificate?.sha256 !== stored.certSha256) {
    return [{ why: 'another certificate', action }];
  }
  if (key?.sha256 !== stored.keySha256) return [{ why: 'key does not belong to the certificate', action }];
  const wanted = { mode: '0600', owner: pair.owner };
  const keyWhy = attributes(key, wanted);
  if (keyWhy !== undefined) return [{ why: `key: ${keyWhy}`, action }];
  const why = attributes(certificate, wanted);
  return why === undefined ? [] : [{ why: `certificate: ${why}`, action }];
}

/** Uploads give it to what they write and to what they find. */
const PROGRAM_MODE = '0755';

function binaryNeeds(binary: Binary, input: HostInput): Need[] {
  const cached = cachedArtifact(input.local.cache, binary.artifact);
  // Preflight reports what the cache lacks, for all hosts at once; nothing can be planned for it.
  if (cached === undefined) return [];
  const { sha256, bytes, compressedBytes } = cached;
  const needs: Need[] = [];
  const fact = input.facts.paths[binary.path];
  if (fact?.sha256 !== sha256 || fact.mode !== PROGRAM_MODE) {
    const isOther = fact?.sha256 !== sha256;
    const why =
      fact === undefined ? 'missing' : isOther ? 'content differs' : `mode is ${fact.mode}, not ${PROGRAM_MODE}`;
    needs.push({ why, action: { do: 'binary', binary, sha256, bytes, compressedBytes } });
  }
  const link = input.facts.paths[binary.link];
  if (link?.target !== binary.path) {
    const why = link === undefined ? 'missing' : `points to ${link.target ?? `a ${link.type}`}`;
    needs.push({ why, action: { do: 'link', path: binary.link, target: binary.path } });
  }
  return needs;
}

function imageNeeds(image: Image, input: HostInput): Need[] {
  const cached = cachedArtifact(input.local.cache, image.artifact);
  if (cached === undefined || input.facts.images.includes(image.reference)) return [];
  const { sha256, bytes, compressedBytes } = cached;
  return [{ why: 'not imported', action: { do: 'image', image, sha256, bytes, compressedBytes } }];
}

function kernelNeeds(kernel: Kernel, input: HostInput): Need[] {
  const modules = kernel.modules.filter((name) => !input.facts.modules.includes(name));
  const sysctls = Object.entries(kernel.sysctls).filter(([name, value]) => input.facts.sysctls[name] !== value);
  const swap = kernel.swapOff && input.facts.swaps.length > 0;
  const reasons = [
    ...modules.map((name) => `module ${name} is not loaded`),
    ...sysctls.map(([name, value]) => `${name} is ${input.facts.sysctls[name] ?? 'absent'}, not ${value}`),
    ...(swap ? [`swap is on (${input.facts.swaps.join(', ')})`] : []),
  ];
  if (reasons.length === 0) return [];
  const action: Action = {
    do: 'kernel',
    kernel: { ...kernel, modules, sysctls: Object.fromEntries(sysctls), swapOff: swap },
  };
  return [{ why: reasons.join('; '), action }];
}

function digestOf(resource: Resource, local: Facts['local'], issued: Issued): string | null {
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

function unitInputs(unit: Unit, input: HostInput): UnitInputs {
  const byId = new Map(input.resources.map((resource) => [resource.id, resource]));
  return Object.fromEntries(
    unit.restartsOn.map((id) => {
      const resource = byId.get(id);
      if (resource === undefined) throw new Error(`${unit.name} restarts on ${id}, which ${input.host} does not have`);
      return [id, digestOf(resource, input.local, input.issued)];
    }),
  );
}

/**
 * Inputs of a unit step with the digests that were unknown when it was planned, now that the certificates exist.
 * @throws Error when one is still unknown: a unit would be stamped with less than it was started with.
 */
export function resolvedInputs(
  inputs: UnitInputs,
  resources: readonly Resource[],
  local: Facts['local'],
): Record<string, string> {
  const byId = new Map(resources.map((resource) => [resource.id, resource]));
  return Object.fromEntries(
    Object.entries(inputs).map(([id, digest]) => {
      const resource = byId.get(id);
      const known = digest ?? (resource === undefined ? null : digestOf(resource, local, new Set()));
      if (known === null) throw new Error(`the content of ${id} is not known yet`);
      return [id, known];
    }),
  );
}

const isKnown = (inputs: UnitInputs): inputs is Record<string, string> => !Object.values(inputs).includes(null);

/** Whether the host holds something else than the content of the resource. A mode or an owner is no difference. */
function isOther(resource: Resource, { facts: { paths }, local, issued }: HostInput): boolean {
  switch (resource.kind) {
    case 'file':
      return paths[resource.path]?.sha256 !== digestOf(resource, local, issued);
    case 'pair':
      return paths[`${resource.path}/tls.crt`]?.sha256 !== digestOf(resource, local, issued);
    case 'binary':
      return (
        paths[resource.path]?.sha256 !== digestOf(resource, local, issued) ||
        paths[resource.link]?.target !== resource.path
      );
    default:
      return false;
  }
}

/** Whether content that the unit was started with is no longer on the host. */
const isPutRight = (unit: Unit, input: HostInput): boolean =>
  input.resources.some((resource) => unit.restartsOn.includes(resource.id) && isOther(resource, input));

function unitNeeds(unit: Unit, input: HostInput): Need[] {
  const fact = input.facts.units[unit.name];
  const inputs = unitInputs(unit, input);
  const active = fact?.active === 'active';
  const enable = fact?.enabled !== true;
  const action = (verb: 'start' | 'restart'): Action => ({
    do: 'unit',
    unit: unit.name,
    verb,
    // A queued restart goes on answering for a while: the gate would take the old process for the new one.
    start: active ? 'ready' : unit.start,
    enable,
    inputs,
  });
  if (fact?.startedWith === undefined) return [{ why: 'never started by kbin', action: action('restart') }];
  if (!isKnown(inputs) || unitInputsDigest(inputs) !== fact.startedWith) {
    return [{ why: 'what it runs with changed', action: action('restart') }];
  }
  // Whoever edited a file by hand may have restarted the unit as well: then it runs with what is put right now.
  if (active && isPutRight(unit, input)) return [{ why: 'what it runs with is put right', action: action('restart') }];
  if (!active) return [{ why: `is ${fact.active}`, action: action('start') }];
  return enable ? [{ why: 'is not enabled', action: { do: 'enable', unit: unit.name } }] : [];
}

function needsOf(resource: Resource, input: HostInput): Need[] {
  switch (resource.kind) {
    case 'user':
      return userNeeds(resource, input);
    case 'directory':
      return directoryNeeds(resource, input);
    case 'file':
      return fileNeeds(resource, input);
    case 'pair':
      return pairNeeds(resource, input);
    case 'binary':
      return binaryNeeds(resource, input);
    case 'image':
      return imageNeeds(resource, input);
    case 'kernel':
      return kernelNeeds(resource, input);
    case 'unit':
      return unitNeeds(resource, input);
    case 'host-program':
      return [];
  }
}

/** Steps that bring one host from what it is to what it should be, in the order in which they must run. */
export function hostSteps(input: HostInput): Step[] {
  const sorted = [...input.resources].sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind));
  return sorted.flatMap((resource) =>
    needsOf(resource, input).map((need) => ({
      id: `${input.host}/${need.action.do}:${resource.id.slice(resource.id.indexOf(':') + 1)}`,
      host: input.host,
      phase: resource.phase,
      ...need,
    })),
  );
}

/** Units to stop and paths to remove: what kbin once wrote here and the inventory no longer asks for. */
export function cleanupSteps(input: HostInput, keep: (path: string) => boolean): Step[] {
  const owned = input.facts.owned;
  if (owned === null) return [];
  const paths = new Set(input.resources.flatMap(ownedPaths));
  const units = new Set(input.resources.flatMap((resource) => (resource.kind === 'unit' ? [resource.name] : [])));
  const step = (action: Action, name: string): Step => ({
    id: `${input.host}/${action.do}:${name}`,
    host: input.host,
    phase: 'cleanup',
    why: 'no longer in the inventory',
    action,
  });
  return [
    ...owned.units.filter((unit) => !units.has(unit)).map((unit) => step({ do: 'stop', unit }, unit)),
    ...owned.paths
      .filter((path) => !paths.has(path) && !keep(path))
      .sort()
      .reverse()
      .map((path) => step({ do: 'remove', path }, path)),
  ];
}

/** Paths that a resource puts on a host. */
export function ownedPaths(resource: Resource): string[] {
  switch (resource.kind) {
    case 'directory':
    case 'file':
    case 'pair':
      return [resource.path];
    case 'binary':
      return [resource.path, resource.link];
    default:
      return [];
  }
}

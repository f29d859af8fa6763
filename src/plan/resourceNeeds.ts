import { basename } from 'node:path/posix';
import type { PathFact } from '../model/facts.ts';
import type { Action } from '../model/plan.ts';
import type { Binary, Directory, File, Image, Kernel, Pair, Renewed, User } from '../model/resource.ts';
import { bodyDigest } from './content.ts';
import { cachedArtifact, type HostInput, type Need } from './need.ts';

const attributes = (
  fact: Pick<PathFact, 'mode' | 'owner'>,
  wanted: { mode: string; owner: string },
): string | undefined => {
  if (fact.mode !== wanted.mode) return `mode is ${fact.mode}, not ${wanted.mode}`;
  if (fact.owner !== wanted.owner) return `owner is ${fact.owner}, not ${wanted.owner}`;
  return undefined;
};

export const userNeeds = (user: User, input: HostInput): Need[] =>
  input.facts.users.includes(user.name) ? [] : [{ why: 'missing', action: { do: 'user', user } }];

function directoryReason(directory: Directory, { facts }: HostInput): string | undefined {
  const fact = facts.paths[directory.path];
  if (fact === undefined) return 'missing';
  // Data may lie on another disk.
  if (fact.type === 'link')
    return fact.behind === undefined ? 'leads to no directory' : attributes(fact.behind, directory);
  return fact.type === 'directory' ? attributes(fact, directory) : `is a ${fact.type}, not a directory`;
}

export function directoryNeeds(directory: Directory, input: HostInput): Need[] {
  const why = directoryReason(directory, input);
  return why === undefined ? [] : [{ why, action: { do: 'directory', directory } }];
}

export function fileNeeds(file: File, input: HostInput): Need[] {
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

export function pairNeeds(pair: Pair, input: HostInput): Need[] {
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

/** Uploads give these to what they write and to what they find. */
const PROGRAM = { mode: '0755', owner: 'root:root' };

function binaryReason(fact: PathFact | undefined, sha256: string): string | undefined {
  if (fact === undefined) return 'missing';
  return fact.sha256 === sha256 ? attributes(fact, PROGRAM) : 'content differs';
}

export function binaryNeeds(binary: Binary, input: HostInput): Need[] {
  const cached = cachedArtifact(input.local.cache, binary.artifact);
  // Preflight reports what the cache lacks, for all hosts at once; nothing can be planned for it.
  if (cached === undefined) return [];
  const { sha256, bytes, compressedBytes } = cached;
  const needs: Need[] = [];
  const why = binaryReason(input.facts.paths[binary.path], sha256);
  if (why !== undefined) needs.push({ why, action: { do: 'binary', binary, sha256, bytes, compressedBytes } });
  const link = input.facts.paths[binary.link];
  if (link?.target !== binary.path) {
    const reason = link === undefined ? 'missing' : `points to ${link.target ?? `a ${link.type}`}`;
    needs.push({ why: reason, action: { do: 'link', path: binary.link, target: binary.path } });
  }
  return needs;
}

/** Taken away when it is worth nothing any more, or will be when the rotation of its authority goes on. */
export function renewedNeeds(renewed: Renewed, { facts, local, now }: HostInput): Need[] {
  const own = facts.certificates[renewed.path];
  if (own === undefined) return [];
  const signers = renewed.signers.flatMap((name) => local.certificates[name] ?? []);
  const why =
    own.notAfter <= now
      ? `expired on ${new Date(own.notAfter).toISOString().slice(0, 10)}`
      : signers.some(({ keyId }) => keyId === own.issuerKeyId)
        ? undefined
        : `signed by another key than ${renewed.signers.join(' and ')} have`;
  return why === undefined ? [] : [{ why, action: { do: 'remove', path: renewed.path } }];
}

export function imageNeeds(image: Image, input: HostInput): Need[] {
  const cached = cachedArtifact(input.local.cache, image.artifact);
  if (cached === undefined || input.facts.images.includes(image.reference)) return [];
  const { sha256, bytes, compressedBytes } = cached;
  return [{ why: 'not imported', action: { do: 'image', image, sha256, bytes, compressedBytes } }];
}

export function kernelNeeds(kernel: Kernel, input: HostInput): Need[] {
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

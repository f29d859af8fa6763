import { join, relative } from 'node:path';
import { KbinError } from '../errors.ts';
import { ENCRYPTION } from '../model/encryption.ts';
import { generationOf, type CertificateName, type CertSpec, type Generation, type Rotation } from '../model/pki.ts';
import type { NextGeneration } from '../model/ports.ts';
import { Secret } from '../model/secret.ts';
import { keyIsOutside } from './authorityRecord.ts';
import { presentedBy } from './chain.ts';
import { clusterIdOf, CLUSTER_ID } from './clusterId.ts';
import { nextEncryption } from './encryptionStore.ts';
import { type Issuer, issuerFrom } from './issue.ts';
import { parsePrivateKey } from './keys.ts';
import { finishPending, type NewFile, writeTogether } from './journal.ts';
import { filesOf, isRetiredSecret, placesOf, RETIRED } from './layout.ts';
import { type Keyring, lockedFile, readLock } from './lock.ts';
import { makeCertificates, makeKeyPair } from './make.ts';
import { authorityFiles } from './outside/authorityFiles.ts';
import { damaged, readPair, readText } from './stored.ts';

/** Rotations under way; beside the pairs, and written together with them. */
const RECORD = 'rotations.json';

type Rotations = Record<CertificateName, Rotation>;

/** Rotations under way, by the name of what is rotated. Throws PKI for a record that cannot be read. */
export function readRotations(directory: string): Rotations {
  const path = join(directory, RECORD);
  const text = readText(path);
  if (text === undefined) return {};
  try {
    return JSON.parse(text) as Rotations;
  } catch {
    throw damaged(path, 'is not JSON');
  }
}

const recordFile = (rotations: Rotations): NewFile => ({
  path: RECORD,
  body: `${JSON.stringify(rotations, null, 1)}\n`,
  isPermanent: false,
});

/** Throws PKI when it is not being rotated. */
export function underWay(directory: string, name: CertificateName): Rotation {
  const rotation = readRotations(directory)[name];
  if (rotation !== undefined) return rotation;
  throw new KbinError('PKI', `${name} is not being rotated`, { hint: 'Begin with its first stage, trust.' });
}

/** The files of one generation under the names of another one, not yet written. */
function copies(directory: string, member: CertificateName, [from, to]: readonly [Generation, Generation]): NewFile[] {
  const source = placesOf(generationOf(member, from));
  const target = placesOf(generationOf(member, to));
  return (Object.keys(source) as (keyof typeof source)[]).flatMap((part) => {
    const text = readText(join(directory, source[part]));
    return text === undefined ? [] : [{ path: target[part], body: new Secret(text), isPermanent: to === 'old' }];
  });
}

/** `spec` for the next generation: its name and its authority's. */
const asNext = (spec: CertSpec, members: readonly CertificateName[]): CertSpec => ({
  ...spec,
  name: generationOf(spec.name, 'next'),
  ...(spec.ca === undefined ? {} : { ca: members.includes(spec.ca) ? generationOf(spec.ca, 'next') : spec.ca }),
});

/** The next generation of an authority as it was given: ready to sign, and its files, not yet written. */
async function nextGiven(
  directory: string,
  name: CertificateName,
  { pem, above, key }: NonNullable<NextGeneration['given']>,
): Promise<{ issuer: Issuer; files: NewFile[] }> {
  const next = generationOf(name, 'next');
  const issuer = issuerFrom(next, pem, parsePrivateKey(key.reveal()));
  return {
    issuer: above.length === 0 ? issuer : { ...issuer, presented: presentedBy(pem, above) },
    files: await authorityFiles({ name: next, pem, above, key }, readLock(directory)),
  };
}

/** Makes the next generation of an authority with those below it, or of a key pair. The cluster keeps its identity. */
export async function beginRotation(
  directory: string,
  next: NextGeneration,
  signing: { now: number; keyring: Keyring },
): Promise<Rotation> {
  const { now } = signing;
  await finishPending(directory);
  const rotations = readRotations(directory);
  const before = rotations[next.name];
  // An encryption key with which nothing is written yet may be another one still.
  const isReplaced = next.encryption !== undefined && before?.stage === 'trust';
  if (before !== undefined && !isReplaced) {
    throw new KbinError('PKI', `${next.name} is being rotated already`, { hint: 'Go on with that rotation.' });
  }
  const certificates = [...next.authorities, ...next.keyPairs].map(({ name }) => name);
  const members = [...certificates, ...(next.encryption === undefined ? [] : [ENCRYPTION])];
  const missing = members.find((member) => filesOf(directory, member).length === 0);
  if (missing !== undefined) throw new KbinError('PKI', `${missing} is missing: there is nothing to rotate`);
  const outside = next.authorities.find(({ name }) => readPair(directory, name).stored.isKeyOutside === true);
  if (outside !== undefined) throw keyIsOutside(outside.name);
  const given = next.given === undefined ? undefined : await nextGiven(directory, next.name, next.given);
  const own = next.authorities.filter(({ name }) => given === undefined || name !== next.name);
  const specs = own.map((spec) => asNext(spec, members));
  const issuers = given === undefined ? [] : [given.issuer];
  const made = await makeCertificates(directory, specs, { ...signing, issuers });
  const pairs = await Promise.all(
    next.keyPairs.map((spec) => makeKeyPair({ ...spec, name: generationOf(spec.name, 'next') })),
  );
  const rotation: Rotation = { name: next.name, members, stage: 'trust', startedAt: now };
  const id = clusterIdOf(directory);
  await writeTogether(directory, [
    ...(given?.files ?? []),
    ...made.files,
    ...pairs.flatMap(({ files }) => files),
    ...(next.encryption === undefined ? [] : [nextEncryption(directory, next.encryption, now)]),
    ...(id === null ? [] : [{ path: CLUSTER_ID, body: `${id}\n`, isPermanent: false }]),
    recordFile({ ...rotations, [next.name]: rotation }),
  ]);
  return rotation;
}

/** From now on the next generation signs; what signed until now is still trusted. */
export async function promote(directory: string, name: CertificateName): Promise<Rotation> {
  await finishPending(directory);
  const rotation = underWay(directory, name);
  if (rotation.stage !== 'trust') return rotation;
  const promoted: Rotation = { ...rotation, stage: 'sign' };
  const { members } = rotation;
  const current = members.flatMap((member) => copies(directory, member, ['next', 'current']));
  // One of the two may have been given to the store, and have more files than the other.
  const isLeft = (path: string): boolean => current.every((file) => file.path !== path);
  await writeTogether(
    directory,
    [
      ...members.flatMap((member) => copies(directory, member, ['current', 'old'])),
      ...current,
      recordFile({ ...readRotations(directory), [name]: promoted }),
    ],
    [
      ...members.flatMap((member) => filesOf(directory, generationOf(member, 'next'))),
      ...members.flatMap((member) => filesOf(directory, member)).filter(isLeft),
    ],
  );
  return promoted;
}

/** The old generation is trusted no more. Its files are kept in `retired/`, under the time when the rotation began. */
export async function distrust(directory: string, name: CertificateName): Promise<Rotation> {
  await finishPending(directory);
  const rotation = underWay(directory, name);
  if (rotation.stage === 'untrust') return rotation;
  if (rotation.stage !== 'sign') {
    throw new KbinError('PKI', `${name} still signs with its old generation`, { hint: 'The stage sign comes first.' });
  }
  const done: Rotation = { ...rotation, stage: 'untrust' };
  const old = rotation.members.flatMap((member) => filesOf(directory, generationOf(member, 'old')));
  await writeTogether(
    directory,
    [
      ...(await Promise.all(old.map((path) => retired(directory, path, retiredFolder(directory, rotation))))),
      recordFile({ ...readRotations(directory), [name]: done }),
    ],
    old,
  );
  return done;
}

/** A file of an old generation at its last place, not yet written. In a locked store none that is secret is readable. */
function retired(directory: string, path: string, folder: string): Promise<NewFile> {
  const body = new Secret(readText(join(directory, path)) ?? '');
  const file = { path: join(relative(directory, folder), path), body, isPermanent: false };
  const lock = isRetiredSecret(path) ? readLock(directory) : null;
  return lock === null ? Promise.resolve(file) : lockedFile(lock, file);
}

/** Forgets a rotation that has gone through all its stages. */
export async function endRotation(directory: string, name: CertificateName): Promise<void> {
  await finishPending(directory);
  const { [name]: ended, ...others } = readRotations(directory);
  if (ended === undefined) return;
  if (ended.stage !== 'untrust') throw new Error(`the rotation of ${name} is at ${ended.stage}`);
  await writeTogether(directory, [recordFile(others)]);
}

/** Where the generation is that this rotation has retired. */
export const retiredFolder = (directory: string, { startedAt }: Rotation): string =>
  join(directory, RETIRED, new Date(startedAt).toISOString().replaceAll(/[:.]/g, '-'));

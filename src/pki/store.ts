import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { KbinError } from '../errors.ts';
import {
  generationOf,
  GENERATIONS,
  rootsOf,
  trustedOf,
  type CertificateName,
  type CertSpec,
  type Generation,
  type KeyPairSpec,
  type SecretRef,
  type StoredCertificate,
} from '../model/pki.ts';
import { ENCRYPTION } from '../model/encryption.ts';
import type { Pki } from '../model/ports.ts';
import { Secret } from '../model/secret.ts';
import { keyIsOutside, parseAuthorityRecord } from './authorityRecord.ts';
import { readChain } from './chain.ts';
import { clusterIdOf } from './clusterId.ts';
import { issueEncryption, listEncryption, readEncryptionDocument, storedEncryption } from './encryptionStore.ts';
import { beginRotation, distrust, endRotation, probeIdentity, promote, readRotations } from './generations.ts';
import { finishPending, systemCode, writeTogether } from './journal.ts';
import { PRIVATE_LABELS } from './keys.ts';
import { filesOf, placesOf } from './layout.ts';
import { type Keyring, keyringOf, type Unlock } from './lock.ts';
import { makeCertificates, makeKeyPair } from './make.ts';
import { fromPem } from './pem.ts';
import { damaged, readingFrom, readPair, readStore, readText } from './stored.ts';

/**
 * The operator's PKI directory, made 0700 with the first write. Every method throws PKI, naming the file, for one that is
 * missing, damaged, half-written or open to others. Safe for concurrent use, by several processes too.
 * `unlock` is asked once at most, and only when something is to be signed with a key that is locked.
 */
export function openPkiStore(directory: string, { unlock }: { unlock?: Unlock } = {}): Pki {
  const keyring = keyringOf(directory, unlock);
  let last: Promise<unknown> = Promise.resolve();
  // One after another: an authority that one call issues is there for the next.
  const exclusively = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(() => guarded(directory, work));
    last = result.catch(() => undefined);
    return result;
  };
  const issueAll = (specs: CertSpec[], now: number) =>
    exclusively(() => issueSpecs(directory, specs, { now, keyring }));
  return {
    list: () => guarded(directory, async () => ({ ...(await listStore(directory)), ...listEncryption(directory) })),
    issueAll,
    issue: async (spec, now) => {
      const [stored] = await issueAll([spec], now);
      if (stored === undefined) throw new Error(`${spec.name} was not issued`);
      return stored;
    },
    issueKeyPair: (spec) => exclusively(() => issuePair(directory, spec)),
    encryption: () => guarded(directory, () => storedEncryption(directory)),
    issueEncryption: (wanted, now) => exclusively(() => issueEncryption(directory, wanted, now)),
    read: (ref) => guarded(directory, () => readPart(directory, ref, keyring)),
    clusterId: () =>
      guarded(directory, async () => {
        await finishPending(directory);
        return clusterIdOf(directory);
      }),
    rotations: () => guarded(directory, () => Promise.resolve(Object.values(readRotations(directory)))),
    begin: (next, now) => exclusively(() => beginRotation(directory, next, { now, keyring })),
    promote: (name) => exclusively(() => promote(directory, name)),
    distrust: (name) => exclusively(() => distrust(directory, name)),
    probeIdentity: (probe, now) => guarded(directory, () => probeIdentity(directory, probe, { now, keyring })),
    end: (name) => exclusively(() => endRotation(directory, name)),
  };
}

/** Failures of the disk, such as a full one or missing rights, as PKI errors; bugs stay what they are. */
export async function guarded<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    throw new KbinError('PKI', `${directory}: ${(error as Error).message}`, { cause: error });
  }
}

async function listStore(directory: string): Promise<Record<CertificateName, StoredCertificate>> {
  await finishPending(directory);
  let found = await readStore(directory);
  if (found.faults.length > 0) {
    // Another process may have been moving a pair to its place just now: what is really wrong is so twice.
    await finishPending(directory);
    found = await readStore(directory);
  }
  failOn(found.faults);
  return found.certificates;
}

function failOn([first, ...others]: readonly KbinError[]): void {
  if (first === undefined) return;
  const evidence = others.map(({ message }) => message);
  throw new KbinError('PKI', first.message, { ...(first.hint === undefined ? {} : { hint: first.hint }), evidence });
}

async function issueSpecs(
  directory: string,
  specs: readonly CertSpec[],
  signing: { now: number; keyring: Keyring },
): Promise<StoredCertificate[]> {
  await finishPending(directory);
  await checkReplacements(directory, specs);
  const { files, stored } = await makeCertificates(directory, specs, signing);
  if (files.length > 0) await writeTogether(directory, files);
  return stored;
}

async function issuePair(directory: string, { name, algorithm }: KeyPairSpec): Promise<StoredCertificate> {
  await finishPending(directory);
  refuseExisting(directory, name);
  const { files, stored } = await makeKeyPair({ name, algorithm });
  await writeTogether(directory, files);
  return stored;
}

const refusal = (path: string): KbinError =>
  new KbinError('PKI', `${path} exists already and is never replaced`, {
    hint: 'Everything that trusts it would be cut off. Replacing it is a rotation.',
  });

function refuseExisting(directory: string, name: CertificateName): void {
  const [there] = filesOf(directory, name);
  if (there !== undefined) throw refusal(join(directory, there));
}

/** A leaf may replace a leaf, but neither an authority nor a bare key pair; hosts have none of these. */
function refuseReplacing(directory: string, { name }: CertSpec): void {
  if (name.includes('@')) return;
  const [certificate, publicKey] = [placesOf(name).certificate, placesOf(name).publicKey].map((place) =>
    join(directory, place),
  ) as [string, string];
  if (existsSync(publicKey)) throw refusal(publicKey);
  const pem = readText(certificate);
  if (pem !== undefined && readingFrom(certificate, () => readChain(pem)).own.x509.ca) throw refusal(certificate);
}

/**
 * An authority is made only where nothing depends on an earlier one: neither a file of its own name nor a certificate
 * whose authority is gone may be there.
 */
async function checkReplacements(directory: string, specs: readonly CertSpec[]): Promise<void> {
  const names = specs.map(({ name }) => name);
  if (new Set(names).size < names.length) throw new Error(`the same certificate twice in ${names.join(', ')}`);
  const authorities = specs.filter((spec) => spec.isAuthority);
  for (const spec of specs) if (!spec.isAuthority) refuseReplacing(directory, spec);
  for (const { name } of authorities) refuseExisting(directory, name);
  if (authorities.length === 0) return;
  const stored = Object.values(await listStore(directory));
  const keyIds = new Set(stored.map(({ keyId }) => keyId));
  // An authority that was given to the store can be below one that is not in it.
  const hasSigner = ({ above, issuerKeyId, chainKeyIds = [] }: StoredCertificate): boolean =>
    above !== undefined || [issuerKeyId, ...chainKeyIds].some((keyId) => keyIds.has(keyId));
  const orphans = stored.filter((one) => !hasSigner(one)).map(({ name }) => name);
  if (orphans.length > 0)
    throw new KbinError('PKI', `${directory}: the authority that signed ${orphans[0] ?? ''} is missing`, {
      hint: 'Restore it from a backup: a new one would cut off the cluster. If that is gone, move the whole directory away.',
      evidence: orphans.slice(1).map((name) => `${name} was signed by a missing authority too`),
    });
}

const PARTS = {
  certificate: { file: 'certificate', labels: ['CERTIFICATE'] },
  key: { file: 'key', labels: PRIVATE_LABELS },
  'public-key': { file: 'publicKey', labels: ['PUBLIC KEY'] },
} as const;

/** Bundle of an authority's or public key's generations; as the planner takes it together from what `list` tells. */
function readTrusted(directory: string, { certificate: name, part }: SecretRef): Secret {
  const generations = (Object.keys(GENERATIONS) as Generation[])
    .map((generation) => generationOf(name, generation))
    .filter((own) => own === name || filesOf(directory, own).length > 0);
  const stored = Object.fromEntries(generations.map((own) => [own, readPair(directory, own).stored] as const));
  const texts = part === 'roots' ? (rootsOf(name, stored) ?? []) : trustedOf(name, stored).map(({ pem = '' }) => pem);
  return new Secret(texts.join(''));
}

/** Why a piece cannot be read. */
function missing(directory: string, { certificate, part }: SecretRef, path: string): KbinError {
  const record = join(directory, placesOf(certificate).document);
  const { isKeyOutside } = readingFrom(record, () => parseAuthorityRecord(readText(record)));
  return part === 'key' && isKeyOutside ? keyIsOutside(certificate) : damaged(path, 'is missing');
}

async function readPart(directory: string, ref: SecretRef, keyring: Keyring): Promise<Secret> {
  const { certificate, part } = ref;
  await finishPending(directory);
  if (certificate === ENCRYPTION) return readEncryptionDocument(directory);
  if (part === 'trusted' || part === 'roots') return readTrusted(directory, ref);
  const { file, labels } = PARTS[part];
  const path = join(directory, placesOf(certificate)[file]);
  const text = readText(path);
  const lockedKey = join(directory, placesOf(certificate).lockedKey);
  if (text === undefined && part === 'key' && existsSync(lockedKey)) return keyring.open(lockedKey);
  if (text === undefined) throw missing(directory, ref, path);
  readingFrom(path, () => (part === 'certificate' ? readChain(text) : fromPem<string>(text, labels)));
  return new Secret(text);
}

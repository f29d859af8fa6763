import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { KbinError } from '../errors.ts';
import type { CertificateName, CertSpec, KeyPairSpec, SecretRef, StoredCertificate } from '../model/pki.ts';
import type { PkiStore } from '../model/ports.ts';
import { Secret } from '../model/secret.ts';
import { describeCertificate, describeKeyPair, readCertificate, sha256Hex } from './certificate.ts';
import { issueCertificate, type Issuer, issuerFrom } from './issue.ts';
import { finishPending, type NewFile, systemCode, writeTogether } from './journal.ts';
import { newKeyPair, PRIVATE_LABELS, privatePem } from './keys.ts';
import { placesOf } from './layout.ts';
import { fromPem } from './pem.ts';
import { damaged, readAuthority, readingFrom, readStore, readText } from './stored.ts';

/**
 * The operator's PKI directory, made 0700 with the first write. Every method throws PKI, naming the file, for one that is
 * missing, damaged, half-written or open to others. Safe for concurrent use, by several processes too.
 */
export function openPkiStore(directory: string): PkiStore {
  let last: Promise<unknown> = Promise.resolve();
  // One after another: an authority that one call issues is there for the next.
  const exclusively = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(() => guarded(directory, work));
    last = result.catch(() => undefined);
    return result;
  };
  const issueAll = (specs: CertSpec[], now: number) => exclusively(() => issueSpecs(directory, specs, now));
  return {
    list: () => guarded(directory, () => listStore(directory)),
    issueAll,
    issue: async (spec, now) => {
      const [stored] = await issueAll([spec], now);
      if (stored === undefined) throw new Error(`${spec.name} was not issued`);
      return stored;
    },
    issueKeyPair: (spec) => exclusively(() => issuePair(directory, spec)),
    read: (ref) => guarded(directory, () => readPart(directory, ref)),
    clusterId: () => guarded(directory, () => clusterIdOf(directory)),
  };
}

/** Failures of the disk, such as a full one or missing rights, as PKI errors; bugs stay what they are. */
async function guarded<T>(directory: string, work: () => Promise<T>): Promise<T> {
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

// Enough at once to keep Node's thread pool busy with key generation.
const KEYS_AT_ONCE = 64;

async function issueSpecs(directory: string, specs: readonly CertSpec[], now: number): Promise<StoredCertificate[]> {
  await finishPending(directory);
  await checkReplacements(directory, specs);
  const issuers = new Map<CertificateName, Issuer>();
  const issuerOf = ({ ca }: CertSpec): Issuer | null => {
    if (ca === undefined) return null;
    const issuer = issuers.get(ca) ?? readAuthority(directory, ca);
    issuers.set(ca, issuer);
    return issuer;
  };
  const files: NewFile[] = [];
  const stored: StoredCertificate[] = [];
  for (let start = 0; start < specs.length; start += KEYS_AT_ONCE) {
    const some = specs.slice(start, start + KEYS_AT_ONCE);
    const pairs = await Promise.all(some.map(async (spec) => ({ spec, keys: await newKeyPair(spec.algorithm) })));
    for (const { spec, keys } of pairs) {
      const publicPem = issueCertificate(spec, keys, { issuer: issuerOf(spec), now });
      const keyPem = privatePem(keys.privateKey);
      const { certificate, key } = placesOf(spec.name);
      files.push({ path: certificate, body: publicPem, isPermanent: spec.isAuthority });
      files.push({ path: key, body: new Secret(keyPem), isPermanent: spec.isAuthority });
      stored.push(describeCertificate(spec.name, readCertificate(publicPem), { publicPem, keyPem }));
      if (spec.isAuthority) issuers.set(spec.name, issuerFrom(spec.name, publicPem, keys.privateKey));
    }
  }
  if (files.length > 0) await writeTogether(directory, files);
  return stored;
}

async function issuePair(directory: string, { name, algorithm }: KeyPairSpec): Promise<StoredCertificate> {
  await finishPending(directory);
  refuseExisting(directory, name);
  const { publicKey, privateKey } = await newKeyPair(algorithm);
  const texts = {
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    keyPem: privatePem(privateKey),
  };
  const places = placesOf(name);
  await writeTogether(directory, [
    { path: places.publicKey, body: texts.publicPem, isPermanent: true },
    { path: places.key, body: new Secret(texts.keyPem), isPermanent: true },
  ]);
  return describeKeyPair(name, publicKey, texts);
}

const refusal = (path: string): KbinError =>
  new KbinError('PKI', `${path} exists already and is never replaced`, {
    hint: 'Everything that trusts it would be cut off. Replacing it is a rotation.',
  });

function refuseExisting(directory: string, name: CertificateName): void {
  const paths = Object.values(placesOf(name)).map((place) => join(directory, place));
  const there = paths.find((path) => existsSync(path));
  if (there !== undefined) throw refusal(there);
}

/** A leaf may replace a leaf, but neither an authority nor a bare key pair; hosts have none of these. */
function refuseReplacing(directory: string, { name }: CertSpec): void {
  if (name.includes('@')) return;
  const [certificate, publicKey] = [placesOf(name).certificate, placesOf(name).publicKey].map((place) =>
    join(directory, place),
  ) as [string, string];
  if (existsSync(publicKey)) throw refusal(publicKey);
  const pem = readText(certificate);
  if (pem !== undefined && readingFrom(certificate, () => readCertificate(pem)).x509.ca) throw refusal(certificate);
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
  const orphans = stored.filter(({ issuerKeyId }) => !keyIds.has(issuerKeyId)).map(({ name }) => name);
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

async function readPart(directory: string, { certificate, part }: SecretRef): Promise<Secret> {
  await finishPending(directory);
  const { file, labels } = PARTS[part];
  const path = join(directory, placesOf(certificate)[file]);
  const text = readText(path);
  if (text === undefined) throw damaged(path, 'is missing');
  readingFrom(path, () => fromPem<string>(text, labels));
  return new Secret(text);
}

async function clusterIdOf(directory: string): Promise<string | null> {
  await finishPending(directory);
  const path = join(directory, placesOf('ca').certificate);
  const pem = readText(path);
  return pem === undefined ? null : sha256Hex(readingFrom(path, () => readCertificate(pem)).spki).slice(0, 16);
}

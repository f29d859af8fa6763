import type { CertificateName, CertSpec, KeyPairSpec, StoredCertificate } from '../model/pki.ts';
import { Secret } from '../model/secret.ts';
import { describeKeyPair } from './certificate.ts';
import { issueCertificate, type Issuer, issuerFrom } from './issue.ts';
import { describeIssued } from './issued.ts';
import type { NewFile } from './journal.ts';
import { newKeyPair, privatePem } from './keys.ts';
import { placesOf } from './layout.ts';
import { type Keyring, lockedFile, readLock } from './lock.ts';
import { readAuthority } from './stored.ts';

// Enough at once to keep Node's thread pool busy with key generation.
const KEYS_AT_ONCE = 64;

export interface Signing {
  /** Milliseconds since the epoch. */
  now: number;
  keyring: Keyring;
  /** Authorities that are not in the store yet. */
  issuers?: readonly Issuer[];
}

/** Certificates and their keys as files of the store, not yet written; each is signed by one before it or of the store. */
export async function makeCertificates(
  directory: string,
  specs: readonly CertSpec[],
  { now, keyring, issuers: known = [] }: Signing,
): Promise<{ files: NewFile[]; stored: StoredCertificate[] }> {
  const issuers = new Map<CertificateName, Issuer>(known.map((issuer) => [issuer.name, issuer]));
  const lock = readLock(directory);
  const issuerOf = async ({ ca }: CertSpec): Promise<Issuer | null> => {
    if (ca === undefined) return null;
    const issuer = issuers.get(ca) ?? (await readAuthority(directory, ca, keyring));
    issuers.set(ca, issuer);
    return issuer;
  };
  const files: NewFile[] = [];
  const stored: StoredCertificate[] = [];
  for (let start = 0; start < specs.length; start += KEYS_AT_ONCE) {
    const some = specs.slice(start, start + KEYS_AT_ONCE);
    const pairs = await Promise.all(some.map(async (spec) => ({ spec, keys: await newKeyPair(spec.algorithm) })));
    for (const { spec, keys } of pairs) {
      const issuer = await issuerOf(spec);
      const own = issueCertificate(spec, keys, { issuer, now });
      const publicPem = spec.isAuthority ? own : `${own}${issuer?.presented ?? ''}`;
      const keyPem = privatePem(keys.privateKey);
      const { certificate, key } = placesOf(spec.name);
      files.push({ path: certificate, body: publicPem, isPermanent: spec.isAuthority });
      const keyFile = { path: key, body: new Secret(keyPem), isPermanent: spec.isAuthority };
      // Keys of other authorities go to hosts.
      const isLocked = lock !== null && spec.isAuthority && spec.ca === undefined;
      files.push(isLocked ? await lockedFile(lock, keyFile) : keyFile);
      const described = describeIssued(spec, issuer, { publicPem, keyPem });
      stored.push(isLocked ? { ...described, keySha256: '' } : described);
      if (spec.isAuthority) issuers.set(spec.name, issuerFrom(spec.name, publicPem, keys.privateKey));
    }
  }
  return { files, stored };
}

/** A bare key pair as files of the store, not yet written. */
export async function makeKeyPair({
  name,
  algorithm,
}: KeyPairSpec): Promise<{ files: NewFile[]; stored: StoredCertificate }> {
  const { publicKey, privateKey } = await newKeyPair(algorithm);
  const publicPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const keyPem = privatePem(privateKey);
  const places = placesOf(name);
  const files = [
    { path: places.publicKey, body: publicPem, isPermanent: true },
    { path: places.key, body: new Secret(keyPem), isPermanent: true },
  ];
  return { files, stored: describeKeyPair(name, publicKey, { publicPem, keyPem }) };
}

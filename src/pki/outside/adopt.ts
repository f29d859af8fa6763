import { createPublicKey } from 'node:crypto';
import { KbinError } from '../../errors.ts';
import { isSignedBy, type CertificateName, type StoredCertificate } from '../../model/pki.ts';
import { Secret } from '../../model/secret.ts';
import { changing } from '../access.ts';
import type { CatalogRow } from '../catalogRow.ts';
import { type NewFile, writeTogether } from '../journal.ts';
import { parsePrivateKey, privatePem } from '../keys.ts';
import { filesOf, placesOf } from '../layout.ts';
import { readLock } from '../lock.ts';
import { authorityFiles } from './authorityFiles.ts';
import type { GivenAuthority } from './givenAuthority.ts';

/** Whose place in the store is to be filled. */
export interface Adoption {
  directory: string;
  rows: readonly CatalogRow[];
  /** What the store holds now. */
  stored: Readonly<Record<CertificateName, StoredCertificate>>;
}

/** Throws PKI when the store has one of these already: everything that trusts it would be cut off. */
export function checkVacancy(
  { directory, rows }: Pick<Adoption, 'directory' | 'rows'>,
  names: readonly CertificateName[],
): void {
  const taken = names.filter((name) => filesOf(directory, name).length > 0);
  if (taken.length === 0) return;
  const [first = ''] = taken;
  throw new KbinError(
    'PKI',
    `${taken.join(', ')} ${taken.length === 1 ? 'is' : 'are'} in the store of this cluster already`,
    {
      hint: `${replacement(rows, first)} Nothing was written.`,
      evidence: [`the store is ${directory}`],
    },
  );
}

function replacement(rows: readonly CatalogRow[], name: CertificateName): string {
  const command = ROTATED[name];
  if (command !== undefined) return `What is in use is replaced in stages: ${command}.`;
  const above = rows.find((row) => row.name === name)?.ca;
  return above === undefined ? 'It is never replaced.' : `It is replaced when ${above} is rotated.`;
}

const ROTATED: Readonly<Record<CertificateName, string>> = {
  ca: 'kbin certs rotate-ca --ca kubernetes, with --cert and --key to one of your own',
  'etcd-ca': 'kbin certs rotate-ca --ca etcd, with --cert and --key to one of your own',
  'front-proxy-ca': 'kbin certs rotate-ca --ca front-proxy, with --cert and --key to one of your own',
  sa: 'kbin certs rotate-sa',
};

/**
 * What is in the store although its authority is not belongs to one that was lost: only that one may come back. Throws PKI
 * when it is another.
 */
export function checkDependents(
  { rows, stored }: Pick<Adoption, 'rows' | 'stored'>,
  { name, read }: GivenAuthority,
): void {
  const below = new Set(rows.flatMap((row) => (row.ca === name ? [row.name] : [])));
  const keyId = read.keyId.toString('hex');
  const orphans = Object.values(stored).filter(
    (one) => below.has(one.name.split('@')[0] ?? '') && !isIndependent(one) && !isSignedBy(one, keyId),
  );
  const [first] = orphans;
  if (first === undefined) return;
  throw new KbinError('PKI', `${first.name} is in the store, and another ${name} has signed it`, {
    hint: 'Give that one. If it is gone for good, move the whole directory away first. Nothing was written.',
    evidence: orphans.slice(1).map((one) => `${one.name} too`),
  });
}

/** An authority in the place of one below another that the operator gave: whoever signed it does not matter. */
const isIndependent = ({ isAuthority, above, keyId, issuerKeyId }: StoredCertificate): boolean =>
  isAuthority && (above !== undefined || keyId === issuerKeyId);

/** A bare key pair that was given, as files of the store. Throws an Error for a key of an unknown kind. */
export function keyPairFiles(name: CertificateName, pem: Secret): NewFile[] {
  const key = parsePrivateKey(pem.reveal());
  const publicPem = createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();
  const { publicKey, key: place } = placesOf(name);
  return [
    { path: publicKey, body: publicPem, isPermanent: true },
    { path: place, body: new Secret(privatePem(key)), isPermanent: true },
  ];
}

/** Takes authorities and other files into the store, all or none; keys are locked where the store is. */
export function adopt(
  { directory, rows }: Pick<Adoption, 'directory' | 'rows'>,
  given: readonly GivenAuthority[],
  others: readonly NewFile[] = [],
): Promise<void> {
  return changing(directory, async () => {
    const lock = readLock(directory);
    // The key of an authority below another one goes to hosts.
    const staysHere = (name: CertificateName): boolean => rows.find((row) => row.name === name)?.ca === undefined;
    const files = given.map((one) => authorityFiles(one, staysHere(one.name) ? lock : null));
    await writeTogether(directory, [...(await Promise.all(files)).flat(), ...others]);
  });
}

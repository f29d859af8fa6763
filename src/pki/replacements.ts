import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { KbinError } from '../errors.ts';
import type { CertificateName, CertSpec, StoredCertificate } from '../model/pki.ts';
import { readChain } from './chain.ts';
import { filesOf, placesOf } from './layout.ts';
import { listStore } from './listing.ts';
import { readingFrom, readText } from './stored.ts';

const refusal = (path: string): KbinError =>
  new KbinError('PKI', `${path} exists already and is never replaced`, {
    hint: 'Everything that trusts it would be cut off. Replacing it is a rotation.',
  });

/** Throws PKI where anything of that name is there. */
export function refuseExisting(directory: string, name: CertificateName): void {
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
 * whose authority is gone may be there. A leaf replaces a leaf. Throws PKI.
 */
export async function checkReplacements(directory: string, specs: readonly CertSpec[]): Promise<void> {
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

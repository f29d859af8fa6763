import type { CertificateName } from '../../model/pki.ts';
import type { Secret } from '../../model/secret.ts';
import { recordText } from '../authorityRecord.ts';
import type { NewFile } from '../journal.ts';
import { placesOf } from '../layout.ts';
import { type Lock, lockedFile } from '../lock.ts';

/** An authority that was given to the store, under the name that it is to have there. */
export interface AuthorityTexts {
  name: CertificateName;
  pem: string;
  /** PEM texts of those above it, each having signed the one before, up to the root. */
  above: readonly string[];
  /** PEM; undefined where it is kept elsewhere. */
  key: Secret | undefined;
}

/** Its files, not yet written; with a lock its key is locked. */
export async function authorityFiles({ name, pem, above, key }: AuthorityTexts, lock: Lock | null): Promise<NewFile[]> {
  const { certificate, key: place, document } = placesOf(name);
  const record = recordText({ isKeyOutside: key === undefined, above: [...above] });
  const keyFile = key === undefined ? [] : [{ path: place, body: key, isPermanent: true }];
  return [
    { path: certificate, body: pem, isPermanent: true },
    ...(lock === null ? keyFile : await Promise.all(keyFile.map((file) => lockedFile(lock, file)))),
    ...(record === undefined ? [] : [{ path: document, body: record, isPermanent: true }]),
  ];
}

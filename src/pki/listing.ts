import { KbinError } from '../errors.ts';
import type { CertificateName, StoredCertificate } from '../model/pki.ts';
import { finishPending } from './journal.ts';
import { readStore } from './stored.ts';

/** Every certificate and key pair of the store. Throws PKI, with all that is wrong in it. */
export async function listStore(directory: string): Promise<Record<CertificateName, StoredCertificate>> {
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

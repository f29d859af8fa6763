import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { KbinError } from '../../errors.ts';
import type { CertificateName } from '../../model/pki.ts';
import { certificateSpecs } from '../../pki/catalog.ts';
import type { NamedText } from '../../pki/outside/givenAuthority.ts';
import { pendingRequests } from '../../pki/outside/requests.ts';
import { judgeSigned, placeSigned } from '../../pki/outside/signed.ts';
import { readInput } from './genSource.ts';
import { faultsError, say, warn, type OutsideStore } from './outsideStore.ts';

const CERTIFICATE_FILE = /\.(?:crt|pem|cer|cert)$/i;

/** Certificates that somebody else signed take their places in the store, all or none. */
export async function importSigned(store: OutsideStore, paths: readonly string[]): Promise<number> {
  const files = await Promise.all(paths.flatMap(filesAt).map(namedText));
  const pending = await pendingRequests(store.directory);
  const { certificates } = certificateSpecs(store.inventory, store.rows);
  const specs = new Map(certificates.map((spec) => [spec.name, spec]));
  const { accepted, known, notes, faults } = judgeSigned(files, { ...store, pending, specs });
  if (faults.length > 0) throw faultsError(faults, 'Have them signed again as requests.json says, or take them out.');
  await placeSigned(store.directory, accepted);
  notes.forEach(warn);
  if (known.length > 0) say(`In the store already: ${summary(known)}.`);
  const waiting = pending.size - accepted.length;
  const left = waiting === 0 ? '' : ` ${waiting} ${waiting === 1 ? 'request waits' : 'requests wait'} still.`;
  if (accepted.length > 0)
    say(`Imported: ${summary(accepted.map(({ name }) => name))}.${left} kbin deploy brings them to the hosts.`);
  return 0;
}

/** Names by their rows; a row of several hosts with their number. */
function summary(names: readonly CertificateName[]): string {
  const rowOf = (name: CertificateName): string => name.split('@')[0] ?? '';
  const rows = [...new Set(names.map(rowOf))].map((row) => [row, names.filter((name) => rowOf(name) === row)] as const);
  return rows.map(([row, own]) => (own.length === 1 ? own.join() : `${row} of ${own.length} hosts`)).join(', ');
}

const namedText = async (label: string): Promise<NamedText> => ({ label, text: await readInput(label) });

/** The file itself, or the certificates in a directory. */
function filesAt(path: string): string[] {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return [path];
  const files = readdirSync(path).filter((file) => CERTIFICATE_FILE.test(file));
  if (files.length > 0) return files.toSorted().map((file) => join(path, file));
  throw new KbinError('USAGE', `${path} has no file that ends in .crt, .pem, .cer or .cert`, {
    hint: 'Put the signed certificates there, or name their files.',
  });
}

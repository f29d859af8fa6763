import { HOST_PROGRAMS } from '../catalog/artifacts.ts';
import { PLACES } from '../catalog/places.ts';
import type { SecretRef } from '../model/pki.ts';
import type { PhaseName } from '../model/phase.ts';
import type { Directory, File, HostProgram, Pair, ResourceId } from '../model/resource.ts';

const ROOT = 'root:root';

export const fileId = (path: string): ResourceId => `file:${path}`;

export const directory = (phase: PhaseName, path: string, mode: string): Directory => ({
  id: `directory:${path}`,
  kind: 'directory',
  phase,
  path,
  mode,
  owner: ROOT,
});

/** The same file or directory, of somebody else than root. */
export const ownedBy = <T extends Directory | File>(owner: string, resource: T): T => ({ ...resource, owner });

const file = (parts: Pick<File, 'phase' | 'path' | 'body' | 'mode'>): File => ({
  id: fileId(parts.path),
  kind: 'file',
  owner: ROOT,
  ...parts,
});

/** A file that everybody on the host may read. */
export const textFile = (phase: PhaseName, path: string, text: string): File =>
  file({ phase, path, body: { text }, mode: '0644' });

/** A file for root only; still without a secret in it. */
export const privateFile = (phase: PhaseName, path: string, text: string): File =>
  file({ phase, path, body: { text }, mode: '0600' });

/** One PEM file of the certificate store: a CA certificate or a bare key. */
export const pemFile = (phase: PhaseName, path: string, secret: SecretRef): File =>
  file({ phase, path, body: { secret }, mode: secret.part === 'key' ? '0600' : '0644' });

/** What is trusted in place of these authorities or public keys, in this order: while one is rotated, all its generations. */
export function trustFile(phase: PhaseName, path: string, names: readonly string[]): File {
  const concat = names.map((certificate): SecretRef => ({ certificate, part: 'trusted' }));
  return file({ phase, path, body: { concat }, mode: '0644' });
}

/** What is trusted in place of an authority, up to its root. */
export const rootsFile = (phase: PhaseName, path: string, certificate: string): File =>
  file({ phase, path, body: { concat: [{ certificate, part: 'roots' }] }, mode: '0644' });

/** A certificate and its key below /etc/kubernetes/pki, as `tls.crt` and `tls.key`. */
export const pair = (phase: PhaseName, path: string, certificate: string): Pair => ({
  id: `pair:${path}`,
  kind: 'pair',
  phase,
  path,
  pairsDir: PLACES.pairs,
  owner: ROOT,
  certificate,
});

export const hostProgram = (phase: PhaseName, name: keyof typeof HOST_PROGRAMS): HostProgram => ({
  id: `host-program:${HOST_PROGRAMS[name].path}`,
  kind: 'host-program',
  phase,
  ...HOST_PROGRAMS[name],
});

import { join } from 'node:path';
import { readCertificate, sha256Hex } from './certificate.ts';
import { placesOf } from './layout.ts';
import { readingFrom, readText } from './stored.ts';

/** Written when the Kubernetes CA is rotated: hosts know the cluster by its first one. */
export const CLUSTER_ID = 'cluster-id';

/** Identity of the cluster whose store this is; null where it has no Kubernetes CA yet. */
export function clusterIdOf(directory: string): string | null {
  const kept = readText(join(directory, CLUSTER_ID));
  if (kept !== undefined) return kept.trim();
  const path = join(directory, placesOf('ca').certificate);
  const pem = readText(path);
  return pem === undefined ? null : sha256Hex(readingFrom(path, () => readCertificate(pem)).spki).slice(0, 16);
}

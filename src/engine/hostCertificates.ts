import { KbinError } from '../errors.ts';
import type { CertificateRow } from '../model/certificateRow.ts';
import type { CertificateName, SeenCertificate } from '../model/pki.ts';
import type { Connection } from '../model/ports.ts';
import { certificatesScript, parseCertificates, type CertificatesAnswer } from '../remote/certificates.ts';
import { servedCertificate } from './handshake.ts';

type Unseen = NonNullable<CertificateRow['unseen']>;

/** What listens on a host answers from memory. */
const HANDSHAKE_SECONDS = 5;

/** A listener of one host. */
export interface Door {
  /** Such as `kubelet`. */
  name: string;
  /** Row of certs/catalog.yml. */
  row: string;
  /** Authority that signs what its program asks for by itself. */
  signer?: CertificateName;
  /** As the host itself reaches it. */
  address: string;
  port: number;
}

export interface CertificatesAsked {
  /** Paths that should hold certificates; the usual places are looked at without being named. */
  files: readonly string[];
  doors: readonly Door[];
}

export interface HostCertificates {
  disk: CertificatesAnswer;
  wire: { door: Door; seen: { certificate: SeenCertificate } | Unseen }[];
}

/** Why nobody could look. Throws what is a bug. */
export function unseenBecause(error: unknown): Unseen {
  if (!(error instanceof KbinError)) throw error;
  return { code: error.code, message: error.message };
}

async function diskOf(connection: Connection, files: readonly string[]): Promise<CertificatesAnswer> {
  const { exitCode, stdout, stderr } = await connection.run({ script: certificatesScript({ files }) });
  if (exitCode === 0) return parseCertificates(stdout);
  const lines = stderr.trim().split('\n');
  throw new KbinError('STEP', `looking for certificates ended with ${exitCode}: ${lines.at(-1) ?? ''}`, {
    host: connection.host,
    evidence: lines.slice(-6),
  });
}

async function presentedAt(connection: Connection, door: Door): Promise<HostCertificates['wire'][number]> {
  const { address, port } = door;
  try {
    const certificate = await servedCertificate({ connection, address, port, timeoutSeconds: HANDSHAKE_SECONDS });
    return { door, seen: { certificate } };
  } catch (error) {
    return { door, seen: unseenBecause(error) };
  }
}

/**
 * All certificates of a host, disk and listeners side by side. A listener that does not answer is part of the answer.
 * Throws the connection's errors, and STEP when the disk cannot be read.
 */
export async function lookAtCertificates(
  connection: Connection,
  { files, doors }: CertificatesAsked,
): Promise<HostCertificates> {
  const [disk, wire] = await Promise.all([
    diskOf(connection, files),
    Promise.all(doors.map((door) => presentedAt(connection, door))),
  ]);
  return { disk, wire };
}

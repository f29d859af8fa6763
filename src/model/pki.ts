import type { HostName, Inventory } from './inventory.ts';

export type KeyAlgorithm = Inventory['certificates']['algorithm'];

/** Row of certs/catalog.yml, with `@host` where each host has its own: `ca`, `etcd-ca`, `apiserver@cp-1`. */
export type CertificateName = string;

export type KeyUsage = 'server' | 'client';

/** One certificate that has to exist, with everything that must stand in it. */
export interface CertSpec {
  name: CertificateName;
  /** Signing certificate; absent for a self-signed authority. */
  ca?: CertificateName;
  isAuthority: boolean;
  commonName: string;
  organizations: string[];
  dnsNames: string[];
  ipAddresses: string[];
  usages: KeyUsage[];
  days: number;
  algorithm: KeyAlgorithm;
  /** Host whose own certificate it is; absent for one that the whole cluster shares. */
  host?: HostName;
}

/** A bare key pair: the ServiceAccount signing key. */
export interface KeyPairSpec {
  name: CertificateName;
  algorithm: KeyAlgorithm;
}

/** What stands in a certificate. */
export interface CertificateFields {
  serial: string;
  commonName: string;
  organizations: string[];
  dnsNames: string[];
  ipAddresses: string[];
  usages: KeyUsage[];
  isAuthority: boolean;
  /** Milliseconds since the epoch. */
  notBefore: number;
  notAfter: number;
  /** Subject key id of the issuer, hex; its own for a self-signed one. */
  issuerKeyId: string;
  keyId: string;
}

/** What the store holds of one certificate or key pair; never the key itself. */
export interface StoredCertificate extends CertificateFields {
  name: CertificateName;
  /** sha256 hex of the PEM files as they would be written to a host. */
  certSha256: string;
  keySha256: string;
  /** sha256 hex of the subject public key, DER. */
  spkiSha256: string;
  algorithm: KeyAlgorithm;
  /** PEM text of an authority or of a bare public key, for bundles; absent for leaves. */
  pem?: string;
  /** Of a leaf: key ids of those who signed the certificates that follow it in its file; absent where none follow. */
  chainKeyIds?: string[];
  /** Of an authority that does not sign itself: PEM texts of those above it, up to the root. */
  above?: string[];
  /** Of an authority that signs elsewhere: kbin never has its private key, and `keySha256` is ''. */
  isKeyOutside?: true;
}

/** Whether an authority has signed it, itself or through certificates that stand beside it in its file. */
export const isSignedBy = (
  { issuerKeyId, chainKeyIds = [] }: Pick<StoredCertificate, 'issuerKeyId' | 'chainKeyIds'>,
  keyId: string,
): boolean => issuerKeyId === keyId || chainKeyIds.includes(keyId);

/** A certificate as it was met outside the store: on a host's disk, in a handshake, inside a kubeconfig. */
export interface SeenCertificate extends CertificateFields {
  /** Common name of the issuer. */
  issuer: string;
  /** sha256 of the whole certificate, DER, hex. */
  fingerprint: string;
  /** Such as `ECDSA-P256`; `unknown` for what kbin would not make. */
  algorithm: KeyAlgorithm | 'unknown';
}

/** Which piece of the store a file on a host is made of. */
export interface SecretRef {
  certificate: CertificateName;
  /**
   * `trusted`: the authority or public key together with its generations, all that is trusted in its place. `roots`: that,
   * and whatever is above an authority that does not sign itself; for those who verify servers up to a root.
   */
  part: 'certificate' | 'key' | 'public-key' | 'trusted' | 'roots';
}

/**
 * Generations of an authority or key pair while it is rotated, by the suffix of their names: the one that signs, the one
 * that will, and the one that did.
 */
export const GENERATIONS = { current: '', next: '-next', old: '-old' } as const;
export type Generation = keyof typeof GENERATIONS;

export const generationOf = (name: CertificateName, generation: Generation): CertificateName =>
  `${name}${GENERATIONS[generation]}`;

/**
 * What is trusted in place of an authority or key pair: all its generations, by key id, so that the bundle does not
 * change when the next generation begins to sign.
 */
export const trustedOf = (
  name: CertificateName,
  certificates: Readonly<Record<CertificateName, StoredCertificate>>,
): StoredCertificate[] =>
  (Object.keys(GENERATIONS) as Generation[])
    .flatMap((generation) => certificates[generationOf(name, generation)] ?? [])
    .sort((a, b) => (a.keyId < b.keyId ? -1 : 1));

/**
 * PEM texts of what is trusted in place of an authority, and of those above it up to their roots, each once. Undefined
 * where one has no text.
 */
export function rootsOf(
  name: CertificateName,
  certificates: Readonly<Record<CertificateName, StoredCertificate>>,
): string[] | undefined {
  const trusted = trustedOf(name, certificates);
  const own = trusted.flatMap(({ pem }) => pem ?? []);
  if (own.length < trusted.length || own.length === 0) return undefined;
  return [...new Set([...own, ...trusted.flatMap(({ above = [] }) => above)])];
}

/** How far the rotation of an authority or key pair has come; each stage ends with gates. */
export type RotationStage = 'trust' | 'sign' | 'untrust';

/** A rotation under way, as the store records it. */
export interface Rotation {
  /** Row of certs/catalog.yml that is rotated. */
  name: CertificateName;
  /** It, and the authorities below it, which follow it. */
  members: CertificateName[];
  stage: RotationStage;
  /** Milliseconds since the epoch. */
  startedAt: number;
}

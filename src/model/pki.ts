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

/** What the store holds of one certificate or key pair; never the key itself. */
export interface StoredCertificate {
  name: CertificateName;
  /** sha256 hex of the PEM files as they would be written to a host. */
  certSha256: string;
  keySha256: string;
  /** sha256 hex of the subject public key, DER. */
  spkiSha256: string;
  serial: string;
  commonName: string;
  organizations: string[];
  dnsNames: string[];
  ipAddresses: string[];
  usages: KeyUsage[];
  isAuthority: boolean;
  algorithm: KeyAlgorithm;
  /** PEM text of an authority, for bundles; absent for leaves. */
  pem?: string;
  /** Milliseconds since the epoch. */
  notBefore: number;
  notAfter: number;
  /** Subject key id of the issuer, hex; its own for a self-signed one. */
  issuerKeyId: string;
  keyId: string;
}

/** Which piece of the store a file on a host is made of. */
export interface SecretRef {
  certificate: CertificateName;
  part: 'certificate' | 'key' | 'public-key';
}

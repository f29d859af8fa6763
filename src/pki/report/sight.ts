import type { CertificateRow } from '../../model/certificateRow.ts';
import type { HostName } from '../../model/inventory.ts';
import type { CertificateName, SeenCertificate } from '../../model/pki.ts';

export type Unseen = NonNullable<CertificateRow['unseen']>;

/** Field of a kubeconfig. */
export type KubeconfigField = 'certificate-authority' | 'client-certificate';

/** A certificate on a host's disk. */
export interface DiskSight {
  path: string;
  /** Where in this kubeconfig it stands; absent in a PEM file. */
  field?: KubeconfigField;
  certificate: SeenCertificate;
}

/** A file with certificates, or with the key of one. */
export interface FileSight {
  /** Four octal digits. */
  mode: string;
  owner: string;
  /** A private key is in it. */
  holdsKey: boolean;
  /** Of files that are keys only. */
  sha256?: string;
}

export interface Disk {
  certificates: readonly DiskSight[];
  files: Readonly<Record<string, FileSight>>;
  /** Files that kubeconfigs name. */
  named: readonly { path: string; by: string }[];
}

/** What a listener presents. */
export interface WireSight {
  /** Such as `kubelet`. */
  listener: string;
  /** Row of certs/catalog.yml that it must present. */
  row: string;
  /** Authority that signs what its program asks for by itself: the store has none of the row. */
  signer?: CertificateName;
  /** As the host itself reaches it: `127.0.0.1:10250`. */
  address: string;
  seen: { certificate: SeenCertificate } | Unseen;
}

/** Everything that was seen of one host. */
export interface HostSight {
  host: HostName;
  disk: Disk | Unseen;
  wire: readonly WireSight[];
}

export const isUnseen = (sight: object): sight is Unseen => 'message' in sight;

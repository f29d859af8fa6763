import type { HostName } from './inventory.ts';
import type { Unreachable } from './facts.ts';

/** Where a certificate is looked for: the operator's store, the disk of a host, the handshake of a listener. */
export type CertificatePlace = 'store' | 'disk' | 'wire';

export type DisagreementCode =
  /** It should be there and is not. */
  | 'missing'
  /** The inventory wants another one: names, usages, key algorithm. */
  | 'not-as-inventory'
  /** An earlier one than the store's. */
  | 'older'
  /** Not the store's, and no earlier one either. */
  | 'unknown'
  /** Signed by none of the authorities that are trusted for it. */
  | 'unknown-issuer'
  /** An authority that is trusted where it should not be, or not any more. */
  | 'unknown-authority'
  | 'expired'
  | 'not-yet-valid'
  /** An authority that ends before something that it signed. */
  | 'ends-first'
  /** Others than its owner may read the private key. */
  | 'key-open'
  /** The private key is not the store's. */
  | 'key-differs'
  | 'owner'
  /** Others than its owner may write the file. */
  | 'writable'
  /** No certificate could be read where one should be. */
  | 'unreadable';

export interface Disagreement {
  code: DisagreementCode;
  /** What is wrong, continuing `CERTIFICATE at PLACE: …`. */
  text: string;
}

/** What is told of a certificate that was found. */
export interface ListedCertificate {
  /** Common names. */
  subject: string;
  /** '' when the issuer is not known by name. */
  issuer: string;
  organizations: string[];
  /** DNS names, then addresses. */
  sans: string[];
  serial: string;
  /** Milliseconds since the epoch. */
  notBefore: number;
  notAfter: number;
  /** Whole days, rounded down; negative once it has expired. */
  daysLeft: number;
}

/** One certificate in one place. */
export interface CertificateRow {
  /**
   * Row of certs/catalog.yml, generation of an authority (`ca-old`), `kubeconfig/NAME` for one that was handed out, or
   * the path of a file that is not kbin's.
   */
  name: string;
  /** Null for what belongs to the whole cluster. */
  host: HostName | null;
  place: CertificatePlace;
  /** Path on the disk, or the listener with its address; null in the store. */
  at: string | null;
  /** Null when there is none, or when nobody could look. */
  found: ListedCertificate | null;
  /** Why nobody could look. */
  unseen?: Pick<Unreachable, 'code' | 'message'>;
  /** Nothing needs it any more: its host or its row is gone from the inventory. */
  isUnused?: boolean;
  disagreements: Disagreement[];
}

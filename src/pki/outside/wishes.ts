import type { Inventory } from '../../model/inventory.ts';
import type { CertificateName, KeyUsage, StoredCertificate } from '../../model/pki.ts';
import { certificateSpecs } from '../catalog.ts';
import type { CatalogRow } from '../catalogRow.ts';
import type { AuthorityWish } from './givenAuthority.ts';

export interface WishGround {
  inventory: Inventory;
  rows: readonly CatalogRow[];
  stored: Readonly<Record<CertificateName, StoredCertificate>>;
  /** Milliseconds since the epoch. */
  now: number;
}

/** Names of the authorities that this inventory needs, in issuing order. */
export const authorityNames = ({ inventory, rows }: Pick<WishGround, 'inventory' | 'rows'>): CertificateName[] =>
  certificateSpecs(inventory, rows).certificates.flatMap(({ name, isAuthority }) => (isAuthority ? [name] : []));

/** What an authority has to be able to sign, as the catalog and the inventory have it. */
export function authorityWish(name: CertificateName, { inventory, rows, stored, now }: WishGround): AuthorityWish {
  const { certificates } = certificateSpecs(inventory, rows);
  const below = certificates.filter(({ ca }) => ca === name);
  const isMade = (other: CertificateName): boolean => stored[other] === undefined;
  const usages = new Set<KeyUsage>(below.flatMap((spec) => spec.usages));
  // Signs in the cluster: what kubelets renew, and what they serve with where they ask for that themselves.
  if (name === 'kubelet-signer') {
    usages.add('client');
    if (inventory.certificates.kubeletServing === 'kubelet') usages.add('server');
  }
  return {
    name,
    below: below.some((spec) => spec.isAuthority && isMade(spec.name)) ? 1 : 0,
    usages: [...usages],
    days: inventory.certificates.caDays,
    now,
  };
}

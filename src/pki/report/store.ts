import type { CertificateRow, Disagreement } from '../../model/certificateRow.ts';
import type { HostName } from '../../model/inventory.ts';
import { trustedOf, type CertSpec, type StoredCertificate } from '../../model/pki.ts';
import { daysLeft, issueReason } from '../expiry.ts';
import { datesOf, foundRow, issuerIn, issuerOf, listed, partsOf, specOf, type Ground } from './ground.ts';

/** What the rows of the store need beyond the ground. */
export interface StoreScope {
  /** Hosts that are asked about; rows of others are left out. */
  hosts: ReadonlySet<HostName>;
  /** All of the inventory. */
  known: ReadonlySet<HostName>;
  /** Names that the inventory's hosts need without kbin making them, such as those of an external etcd. */
  needed: ReadonlySet<string>;
}

/**
 * What the inventory wants otherwise. Asked as on its first day and of whoever signed it, only what stands in it is
 * compared: its end and its issuer have words of their own.
 */
function contentOf(ground: Ground, spec: CertSpec, stored: StoredCertificate): Disagreement[] {
  const { isKeyOutside, notAfter = stored.notAfter } = ground.stored[spec.ca ?? ''] ?? {};
  const outside = isKeyOutside === true ? { isKeyOutside } : {};
  const issuer = { ...stored, keyId: stored.issuerKeyId, notAfter, ...outside };
  const why = issueReason({ spec, stored, issuer, now: stored.notBefore });
  return why === null ? [] : [{ code: 'not-as-inventory', text: `differs from the inventory: ${why}` }];
}

/** An authority that the operator gave the place of one below another: whoever signed it does not matter. */
const isGiven = ({ isAuthority, above, keyId, issuerKeyId }: StoredCertificate): boolean =>
  isAuthority && (above !== undefined || keyId === issuerKeyId);

function disagreementsOf(ground: Ground, stored: StoredCertificate): Disagreement[] {
  const spec = specOf(ground, stored.name);
  const seen = { ...stored, issuer: issuerIn(ground, stored) };
  return [
    ...(spec === undefined ? [] : contentOf(ground, spec, stored)),
    ...(spec?.ca === undefined || isGiven(stored) ? [] : issuerOf(ground, seen, [spec.ca])),
    ...datesOf(stored, ground.now),
  ];
}

const place = (name: string): Pick<CertificateRow, 'name' | 'host' | 'place' | 'at'> => {
  const { row, host } = partsOf(name);
  return { name: row, host, place: 'store', at: null };
};

function storedRow(ground: Ground, stored: StoredCertificate, { needed }: StoreScope): CertificateRow {
  const found = listed(stored, issuerIn(ground, stored), ground.now);
  const isUsed = specOf(ground, stored.name) !== undefined || needed.has(stored.name);
  // Nobody misses what is left over, whatever is wrong with it.
  if (!isUsed) return { ...place(stored.name), found, isUnused: true, disagreements: [] };
  return { ...place(stored.name), found, disagreements: disagreementsOf(ground, stored) };
}

const missingRow = ({ name }: CertSpec): CertificateRow => ({
  ...place(name),
  found: null,
  disagreements: [{ code: 'missing', text: 'is not in the store' }],
});

/** Whose end takes an authority with it, although the store does not sign with it. */
function aboveRows({ above, now }: Ground): CertificateRow[] {
  const all = [...above.values()].flat();
  const once = all.filter(
    (one, index) => all.findIndex(({ fingerprint }) => fingerprint === one.fingerprint) === index,
  );
  return once.map((seen) =>
    foundRow({ name: seen.commonName, host: null, place: 'store', at: null }, seen, { now, disagreements: [] }),
  );
}

/** Rows of the store: what is in it, and what should be. Bare key pairs are no certificates. */
export function storeRows(ground: Ground, scope: StoreScope): CertificateRow[] {
  const isAsked = (name: string): boolean => {
    const { host } = partsOf(name);
    return host === null || scope.hosts.has(host) || !scope.known.has(host);
  };
  const certificates = Object.values(ground.stored).filter(({ name, serial }) => serial !== '' && isAsked(name));
  const missing = [...ground.specs.values()].filter(({ name }) => ground.stored[name] === undefined && isAsked(name));
  return [
    ...certificates.map((stored) => storedRow(ground, stored, scope)),
    ...aboveRows(ground),
    ...missing.map(missingRow),
  ];
}

/** Kubeconfigs that were handed out and have not ended: what has is over, as it was meant to be. */
export function issuedRows({ issued, stored, now }: Ground): CertificateRow[] {
  const trusted = trustedOf('ca', stored);
  return issued
    .filter(({ expires }) => Date.parse(expires) > now)
    .map(({ name, groups, serial, authorityKeyId, issuedAt, expires }): CertificateRow => {
      const authority = trusted.find(({ keyId }) => keyId === authorityKeyId);
      const [notBefore, notAfter] = [Date.parse(issuedAt), Date.parse(expires)];
      const lost: Disagreement = {
        code: 'unknown-issuer',
        text: `is signed by a CA that is no longer trusted: issue it again (kbin kubeconfig issue ${name})`,
      };
      return {
        name: `kubeconfig/${name}`,
        host: null,
        place: 'store',
        at: null,
        found: {
          ...{ subject: name, issuer: authority?.commonName ?? '', organizations: groups, sans: [], serial },
          ...{ notBefore, notAfter, daysLeft: daysLeft({ notAfter }, now) },
        },
        disagreements: authority === undefined ? [lost] : [],
      };
    });
}

import type { CertificateRow, Disagreement, ListedCertificate } from '../../model/certificateRow.ts';
import type { HostName } from '../../model/inventory.ts';
import {
  GENERATIONS,
  isSignedBy,
  trustedOf,
  type CertificateFields,
  type CertificateName,
  type CertSpec,
  type SeenCertificate,
  type StoredCertificate,
} from '../../model/pki.ts';
import { seenCertificate } from '../certificate.ts';
import { daysLeft } from '../expiry.ts';
import type { IssuedUser } from '../userCertificate.ts';

export interface GroundInput {
  /** Certificates that have to exist. */
  specs: ReadonlyMap<CertificateName, CertSpec>;
  stored: Readonly<Record<CertificateName, StoredCertificate>>;
  /** Kubeconfigs that were handed out. */
  issued: readonly IssuedUser[];
  /** Milliseconds since the epoch. */
  now: number;
}

/** What everything that was seen is compared with. */
export interface Ground extends GroundInput {
  /** Authorities of the store in all their generations. */
  authorities: readonly StoredCertificate[];
  /** Of authorities that do not sign themselves: those above, up to the root. */
  above: ReadonlyMap<CertificateName, readonly SeenCertificate[]>;
}

export function groundOf(input: GroundInput): Ground {
  const authorities = Object.values(input.stored).filter(({ isAuthority }) => isAuthority);
  const above = new Map(authorities.map(({ name, above: texts = [] }) => [name, texts.map(seenCertificate)]));
  return { ...input, authorities, above };
}

/** Row of a certificate, and its host where each host has its own. */
export function partsOf(name: CertificateName): { row: string; host: HostName | null } {
  const [row = '', host] = name.split('@');
  return { row, host: host ?? null };
}

/** The spec behind a name; a generation of an authority has that of the authority. */
export function specOf({ specs }: Pick<Ground, 'specs'>, name: CertificateName): CertSpec | undefined {
  const suffix = Object.values(GENERATIONS).find((own) => own !== '' && !name.includes('@') && name.endsWith(own));
  return specs.get(name) ?? (suffix === undefined ? undefined : specs.get(name.slice(0, -suffix.length)));
}

export const day = (moment: number): string => new Date(moment).toISOString().slice(0, 10);

/** The same certificate, as far as the store tells: another one of the same authority has another serial. */
export const isSame = (one: CertificateFields, other: CertificateFields): boolean =>
  one.serial === other.serial &&
  one.notAfter === other.notAfter &&
  one.keyId === other.keyId &&
  one.issuerKeyId === other.issuerKeyId;

export function listed(fields: CertificateFields, issuer: string, now: number): ListedCertificate {
  const { serial, notBefore, notAfter, commonName: subject, organizations, dnsNames, ipAddresses } = fields;
  const sans = [...dnsNames, ...ipAddresses];
  return { subject, issuer, organizations, sans, serial, notBefore, notAfter, daysLeft: daysLeft(fields, now) };
}

/** Name of whoever signed it, as far as the store knows. */
export const issuerIn = ({ authorities, above }: Ground, { issuerKeyId }: CertificateFields): string =>
  [...authorities, ...[...above.values()].flat()].find(({ keyId }) => keyId === issuerKeyId)?.commonName ?? '';

/** What is wrong with its dates. */
export function datesOf({ notBefore, notAfter }: CertificateFields, now: number): Disagreement[] {
  if (notAfter <= now) return [{ code: 'expired', text: `expired on ${day(notAfter)}` }];
  if (notBefore > now) return [{ code: 'not-yet-valid', text: `is not valid before ${day(notBefore)}` }];
  return [];
}

const nameOfKey = (issuer: string, keyId: string): string =>
  issuer === '' ? `key id ${keyId.slice(0, 8)}` : `${issuer} (key id ${keyId.slice(0, 8)})`;

/** Whether one of these authorities, in any generation that is trusted now, has signed it. */
export function issuerOf(
  { stored }: Pick<Ground, 'stored'>,
  seen: CertificateFields & Pick<StoredCertificate, 'chainKeyIds'> & { issuer?: string },
  signers: readonly CertificateName[],
): Disagreement[] {
  const trusted = signers.flatMap((name) => trustedOf(name, stored));
  if (trusted.some(({ keyId }) => isSignedBy(seen, keyId))) return [];
  const who = nameOfKey(seen.issuer ?? '', seen.issuerKeyId);
  return [
    { code: 'unknown-issuer', text: `is signed by ${who}, which is no trusted generation of ${signers.join(' or ')}` },
  ];
}

/** The difference to what the store holds in its place. */
export function comparedWith(stored: StoredCertificate | undefined, seen: SeenCertificate): Disagreement[] {
  const { serial, commonName, notAfter, issuer, issuerKeyId } = seen;
  const what = `${commonName}, signed by ${nameOfKey(issuer, issuerKeyId)}, serial ${serial}`;
  if (stored === undefined) {
    return [{ code: 'unknown', text: `is ${what}, and the store has none` }];
  }
  if (isSame(seen, stored)) return [];
  const own = `serial ${stored.serial} until ${day(stored.notAfter)}`;
  const isEarlier = commonName === stored.commonName && seen.notBefore <= stored.notBefore;
  if (isEarlier) {
    return [{ code: 'older', text: `is still serial ${serial} until ${day(notAfter)}; the store has ${own}` }];
  }
  return [{ code: 'unknown', text: `is something unknown: ${what}; the store has ${own}` }];
}

/** A row of what was found on a host. */
export function foundRow(
  place: Pick<CertificateRow, 'name' | 'host' | 'place' | 'at'>,
  seen: SeenCertificate,
  { now, disagreements }: { now: number; disagreements: readonly Disagreement[] },
): CertificateRow {
  return {
    ...place,
    found: listed(seen, seen.issuer, now),
    disagreements: [...disagreements, ...datesOf(seen, now)],
  };
}

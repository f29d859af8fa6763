import { isSignedBy, type CertSpec, type StoredCertificate } from '../model/pki.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Days before its end at which a certificate is renewed, unless a third of its life is less. */
export const RENEW_WITHIN_DAYS = 30;

/** Whole days until the certificate ends, rounded down: 0 on its last day, negative once it has expired. */
export const daysLeft = (certificate: Pick<StoredCertificate, 'notAfter'>, now: number): number =>
  Math.floor((certificate.notAfter - now) / DAY);

export interface Question {
  spec: CertSpec;
  stored: StoredCertificate | undefined;
  /** The stored authority that `spec.ca` names. */
  issuer: StoredCertificate | undefined;
  /** Milliseconds since the epoch. */
  now: number;
  /** Default: RENEW_WITHIN_DAYS. */
  renewWithinDays?: number;
}

/**
 * Why a certificate must be issued, in words for the plan; null when the stored one will do. An authority that exists is
 * never issued again: everything that trusts it would break. Its expiry is a warning, its renewal a rotation. Whoever signs
 * outside decides how long a certificate lasts, and may add names.
 */
export function issueReason(question: Question): string | null {
  const { spec, stored, issuer } = question;
  if (stored === undefined) return 'missing';
  if (spec.isAuthority) return null;
  if (issuer === undefined) return `its authority ${spec.ca ?? ''} is missing`;
  if (!isSignedBy(stored, issuer.keyId)) return `signed by another key than that of ${issuer.name}`;
  return (
    differenceOf(spec, stored, issuer) ??
    expiryReason({ ...question, stored, issuer }) ??
    validityChange(spec, stored, issuer)
  );
}

function differenceOf(spec: CertSpec, stored: StoredCertificate, issuer: StoredCertificate): string | null {
  if (stored.isAuthority) return 'it is an authority and must not be one';
  if (spec.commonName !== stored.commonName) return `common name ${stored.commonName} becomes ${spec.commonName}`;
  if (spec.algorithm !== stored.algorithm) return `key algorithm ${stored.algorithm} becomes ${spec.algorithm}`;
  const isOutside = issuer.isKeyOutside === true;
  const counted = (names: readonly string[], wanted: readonly string[]) =>
    isOutside ? names.filter((name) => wanted.includes(name)) : names;
  return (
    change('organizations', stored.organizations, spec.organizations) ??
    change('usages', stored.usages, spec.usages) ??
    change('names', counted(stored.dnsNames, spec.dnsNames), spec.dnsNames) ??
    change('addresses', counted(stored.ipAddresses, spec.ipAddresses), spec.ipAddresses)
  );
}

/** Not where its authority is what makes it shorter. What `issueCertificate` backdates is no change. */
function validityChange({ days }: CertSpec, stored: StoredCertificate, issuer: StoredCertificate): string | null {
  const life = stored.notAfter - stored.notBefore;
  if (issuer.isKeyOutside === true) return null;
  const isClipped = stored.notAfter >= issuer.notAfter && life < days * DAY;
  if (isClipped || Math.abs(life - days * DAY) <= HOUR) return null;
  return `validity of ${Math.round(life / DAY)} days becomes ${days}`;
}

/** The order means nothing to those who check a certificate, so it is no reason to issue another. */
function change(what: string, before: readonly string[], after: readonly string[]): string | null {
  const added = after.filter((entry) => !before.includes(entry)).map((entry) => `+${entry}`);
  const removed = before.filter((entry) => !after.includes(entry)).map((entry) => `-${entry}`);
  return added.length + removed.length === 0 ? null : `${what} change: ${[...added, ...removed].join(' ')}`;
}

/**
 * Renewal is due in the last `renewWithinDays` or in the last third of the certificate's life, whichever is shorter:
 * a certificate of one week would otherwise be renewed on every run. Not where a new one would end with its authority
 * as this one does.
 */
function expiryReason(question: Question & { stored: StoredCertificate; issuer: StoredCertificate }): string | null {
  const { stored, issuer, now, renewWithinDays = RENEW_WITHIN_DAYS } = question;
  if (stored.notAfter >= issuer.notAfter) return null;
  const left = stored.notAfter - now;
  if (left > Math.min(renewWithinDays * DAY, (stored.notAfter - stored.notBefore) / 3)) return null;
  if (left <= 0) return `expired on ${new Date(stored.notAfter).toISOString().slice(0, 10)}`;
  const days = daysLeft(stored, now);
  return `expires in ${days} ${days === 1 ? 'day' : 'days'}`;
}

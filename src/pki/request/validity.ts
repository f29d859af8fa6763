import { KbinError } from '../../errors.ts';
import type { Generation } from './generate.ts';

const MINUTE = 60_000;

/**
 * From when to when, in milliseconds since the epoch. As with cfssl it begins at a whole minute, `backdate` ago, and
 * `expiry` counts from there; unlike with cfssl it ends no later than the authority, which is told to `note`.
 * Throws PKI for a certificate that would be over already.
 */
export function validityOf(
  { profile, authority, now }: Generation,
  note: (text: string) => void,
): { notBefore: number; notAfter: number } {
  const minute = Math.floor(now / MINUTE) * MINUTE;
  const notBefore = profile.notBefore ?? minute - profile.backdate;
  const wanted = profile.notAfter ?? notBefore + profile.expiry;
  const notAfter = Math.min(wanted, authority?.notAfter ?? Infinity);
  if (authority !== null && notAfter < wanted)
    note(`it ends with ${authority.label}, on ${day(notAfter)} and not on ${day(wanted)}`);
  if (notAfter <= now || notAfter <= notBefore)
    throw new KbinError('PKI', `the certificate would be valid from ${moment(notBefore)} to ${moment(wanted)}`, {
      hint: 'Its expiry counts from the beginning, which backdate (5m by default) puts into the past. Nothing was written.',
    });
  return { notBefore, notAfter };
}

const moment = (at: number): string => new Date(at).toISOString();
const day = (at: number): string => moment(at).slice(0, 10);

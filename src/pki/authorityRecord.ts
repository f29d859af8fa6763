import { KbinError } from '../errors.ts';
import type { CertificateName } from '../model/pki.ts';

/** What the store must know of an authority that was given to it, beside certificate and key. */
export interface AuthorityRecord {
  /** The key is somewhere else, for good: others sign. */
  isKeyOutside: boolean;
  /** PEM texts of those above it, each having signed the one before, up to the root. */
  above: string[];
}

/** Throws an Error for a text that is no such record. Undefined is the record of an authority that kbin made. */
export function parseAuthorityRecord(text: string | undefined): AuthorityRecord {
  if (text === undefined) return { isKeyOutside: false, above: [] };
  const { key, above } = (JSON.parse(text) ?? {}) as { key?: unknown; above?: unknown };
  const isKnown = (key === 'here' || key === 'outside') && Array.isArray(above);
  if (!isKnown || !above.every((pem) => typeof pem === 'string'))
    throw new Error('does not say where the key of the authority is');
  return { isKeyOutside: key === 'outside', above };
}

/** Undefined where the certificate and its key say everything. */
export const recordText = ({ isKeyOutside, above }: AuthorityRecord): string | undefined =>
  isKeyOutside || above.length > 0
    ? `${JSON.stringify({ key: isKeyOutside ? 'outside' : 'here', above }, null, 1)}\n`
    : undefined;

/** Said wherever kbin would have to sign. */
export const keyIsOutside = (name: CertificateName): KbinError =>
  new KbinError('PKI', `the key of ${name} is kept outside: kbin cannot sign with it`, {
    hint: 'What the cluster needs is asked for with kbin certs csr and brought back with kbin certs import; anything else is signed where the key is.',
  });

import { sha256 } from '../model/digest.ts';
import type { Facts } from '../model/facts.ts';
import { rootsOf, trustedOf, type SecretRef } from '../model/pki.ts';
import type { Body } from '../model/resource.ts';

/** Certificates that this plan issues: their content does not exist yet. */
export type Issued = ReadonlySet<string>;

type Certificates = Facts['local']['certificates'];

function digestOfSecret(ref: SecretRef, certificates: Certificates): string | null {
  const stored = certificates[ref.certificate];
  if (stored === undefined) return null;
  return ref.part === 'key' ? stored.keySha256 : stored.certSha256;
}

/** PEM texts that a public piece of the store is made of; null while one is still to be issued. */
function pemOf({ certificate, part }: SecretRef, certificates: Certificates, issued: Issued): string | null {
  if (issued.has(certificate)) return null;
  if (part === 'roots') return rootsOf(certificate, certificates)?.join('') ?? null;
  const found = part === 'trusted' ? trustedOf(certificate, certificates) : [certificates[certificate]];
  const texts = found.map((stored) => stored?.pem);
  return texts.length === 0 || texts.includes(undefined) ? null : texts.join('');
}

/** sha256 of a file body, hex; null while a certificate in it is still to be issued. */
export function bodyDigest(body: Body, certificates: Certificates, issued: Issued): string | null {
  if ('text' in body) return sha256(body.text);
  if ('secret' in body) {
    return issued.has(body.secret.certificate) ? null : digestOfSecret(body.secret, certificates);
  }
  const parts = body.concat.map((ref) => pemOf(ref, certificates, issued));
  return parts.includes(null) ? null : sha256(parts.join(''));
}

import { type KeyObject, sign, verify } from 'node:crypto';
import { KbinError } from '../../errors.ts';
import type { Secret } from '../../model/secret.ts';
import { type ReadCertificate, readCertificate } from '../certificate.ts';
import { type AuthorityConstraint, EXTENSIONS, hasKeyUsage, readBasicConstraints } from '../extensions.ts';
import { PRIVATE_LABELS, parsePrivateKey } from '../keys.ts';
import type { Signer } from '../sign.ts';
import { signatureOf } from '../signature.ts';

/** An authority that may sign. */
export interface Authority extends Signer {
  subject: Buffer;
  /** What messages call it: a file, or a name in a store. */
  label: string;
  pem: string;
  /** Milliseconds since the epoch. */
  notAfter: number;
  /** How many authorities may stand below it; undefined for any number. */
  pathLength: number | undefined;
}

/** Where an authority's texts come from, and what they are. */
export interface AuthorityTexts {
  certificate: { label: string; pem: string };
  key: { label: string; pem: Secret };
}

const refused = (label: string, what: string, hint: string): KbinError =>
  new KbinError('PKI', `${label} ${what}`, { hint: `${hint} Nothing was written.` });

/**
 * Throws PKI, naming the file, unless the certificate may sign others at `now` and the key is its own. The key's text
 * never stands in an error.
 */
export function authorityOf({ certificate, key }: AuthorityTexts, now: number): Authority {
  const { label } = certificate;
  const read = readAs(label, () => readCertificate(oneBlock(certificate.pem)));
  const constraint = checkAuthority(label, read, now);
  const privateKey = readSigningKey(key.label, key.pem);
  if (!read.x509.checkPrivateKey(privateKey))
    throw refused(key.label, `is not the key of ${label}`, 'Name the key that belongs to this certificate.');
  // Comparing the public halves does not tell whether the private one is intact; everything signed would be invalid.
  const probe = Buffer.from(label);
  if (!verify('sha256', probe, read.x509.publicKey, sign('sha256', probe, privateKey)))
    throw refused(key.label, `does not sign what ${label} verifies`, 'Restore the key from a backup.');
  return {
    label,
    pem: oneBlock(certificate.pem),
    subject: read.subject,
    keyId: read.keyId,
    key: privateKey,
    notAfter: Date.parse(read.x509.validTo),
    pathLength: constraint.pathLength,
  };
}

/** A private key that can sign certificates. Throws PKI naming the file. */
export function readSigningKey(label: string, pem: Secret): KeyObject {
  const text = pem.reveal();
  if (/^(-----BEGIN |Proc-Type: ?4, ?)ENCRYPTED/m.test(text))
    throw refused(label, 'is encrypted', 'Decrypt it first: openssl pkey -in FILE -out DECRYPTED.');
  const key = readAs(label, () => parsePrivateKey(oneBlock(text, PRIVATE_LABELS)));
  readAs(label, () => signatureOf(key));
  return key;
}

function readAs<T>(label: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new KbinError('PKI', `${label}: ${(error as Error).message}`, {
      hint: 'It must be PEM. Nothing was written.',
    });
  }
}

/** Files from elsewhere have other line ends, text around their block, or the curve's name in a block of its own. */
function oneBlock(text: string, labels: readonly string[] = ['CERTIFICATE']): string {
  const blocks = [...text.replaceAll('\r\n', '\n').matchAll(/-----BEGIN ([A-Z0-9 ]+)-----\n[^-]+\n-----END \1-----/g)];
  const own = blocks.filter(([, label = '']) => labels.includes(label));
  return own.map(([block]) => `${block}\n`).join('');
}

function checkAuthority(label: string, { x509, extensions }: ReadCertificate, now: number): AuthorityConstraint {
  const basic = extensions.get(EXTENSIONS.basicConstraints);
  const constraint = basic === undefined ? undefined : readBasicConstraints(basic.value);
  const hint = 'Only the certificate of an authority can sign others.';
  if (constraint === undefined) throw refused(label, 'is no authority: it lacks CA:TRUE', hint);
  const usage = extensions.get(EXTENSIONS.keyUsage);
  if (usage !== undefined && !hasKeyUsage(usage.value, 'keyCertSign'))
    throw refused(label, 'is no authority: its key usage lacks certificate signing', hint);
  const [from, to] = [Date.parse(x509.validFrom), Date.parse(x509.validTo)];
  if (now < from || now >= to) {
    const [start, end] = [from, to].map((moment) => new Date(moment).toISOString());
    const clock = new Date(now).toISOString();
    throw refused(label, `signs nothing now: it is valid from ${start} to ${end}`, `The clock here says ${clock}.`);
  }
  return constraint;
}

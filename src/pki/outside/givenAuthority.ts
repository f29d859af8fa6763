import { type KeyObject, sign, verify } from 'node:crypto';
import { KbinError } from '../../errors.ts';
import type { CertificateName, KeyUsage } from '../../model/pki.ts';
import { Secret } from '../../model/secret.ts';
import { type ReadCertificate, readCertificate } from '../certificate.ts';
import { algorithmOf, privatePem } from '../keys.ts';
import { readSigningKey } from '../request/authority.ts';
import { certificatesOf } from './foreignPem.ts';
import {
  hasKeyId,
  hasNameConstraints,
  hasSigned,
  isSelfSigned,
  isWeaklySigned,
  signingFaults,
  type SigningNeed,
} from './signing.ts';

/** The text of a file, and what messages call it. */
export interface NamedText<Text = string> {
  label: string;
  text: Text;
}

export interface AuthorityFiles {
  /** The authority; what follows it in the file belongs to its chain. */
  certificate: NamedText;
  /** Absent for a key that is kept elsewhere. */
  key?: NamedText<Secret>;
  /** Those above it. */
  chain?: NamedText;
}

/** What the authority is to be. */
export interface AuthorityWish {
  name: CertificateName;
  /** Authorities that kbin makes below it. */
  below: number;
  /** Usages of what it signs. */
  usages: readonly KeyUsage[];
  /** How long the inventory wants authorities to last. */
  days: number;
  /** Milliseconds since the epoch. */
  now: number;
}

/** An authority that the store can take over. */
export interface GivenAuthority {
  name: CertificateName;
  pem: string;
  read: ReadCertificate;
  /** PEM texts of those above it, each having signed the one before, up to the root. */
  above: string[];
  /** PEM, as kbin writes keys; undefined where it is kept elsewhere. */
  key: Secret | undefined;
  /** What is not wrong, but the operator should know. */
  notes: string[];
}

const DAY = 86_400_000;
/** Days: what is this much shorter than it should be was not made just now. */
const MONTH = 31;

/** The authority of these files; instead, everything that is wrong with them, each as `FILE: what`. */
export function givenAuthority(files: AuthorityFiles, wish: AuthorityWish): GivenAuthority | { faults: string[] } {
  const { faults, certificate, candidates, key } = readFiles(files);
  if (certificate === undefined) return { faults };
  const { label } = files.certificate;
  const { pem, read } = certificate;
  const above = chainAbove(read, candidates);
  faults.push(
    ...ownFaults(read, { ...wish, isKeyOutside: files.key === undefined }).map((what) => `${label}: ${what}`),
    ...aboveFaults(above, wish).map((what) => `${files.chain?.label ?? label}: ${what}`),
    ...(isComplete(read, above) ? [] : [`${label}: ${missingAbove(above.at(-1)?.read ?? read)}`]),
    ...(key === undefined ? [] : keyFaults(read, key, { label, keyLabel: files.key?.label ?? '' })),
  );
  if (faults.length > 0) return { faults };
  return {
    name: wish.name,
    pem,
    read,
    above: above.map((one) => one.pem),
    key: key && new Secret(privatePem(key)),
    notes: notesOf(read, wish).map((what) => `${label} ${what}`),
  };
}

interface ReadFiles {
  faults: string[];
  certificate: Candidate | undefined;
  candidates: Candidate[];
  key: KeyObject | undefined;
}

function readFiles({ certificate, key, chain }: AuthorityFiles): ReadFiles {
  const faults: string[] = [];
  const reading = <T>(label: string, read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      const { message } = error as Error;
      // An error of the key's own says its file already.
      faults.push(error instanceof KbinError ? message : `${label}: ${message}`);
      return undefined;
    }
  };
  const certificates = ({ label, text }: NamedText): Candidate[] =>
    (reading(label, () => certificatesOf(text)) ?? []).flatMap(
      (pem) => reading(label, () => ({ pem, read: readCertificate(pem) })) ?? [],
    );
  const [own, ...following] = certificates(certificate);
  const candidates = [...following, ...(chain === undefined ? [] : certificates(chain))];
  const privateKey = key && reading(key.label, () => readSigningKey(key.label, key.text));
  return { faults, certificate: own, candidates, key: privateKey };
}

interface Candidate {
  pem: string;
  read: ReadCertificate;
}

/** Those above a certificate, as far as they are there. */
function chainAbove(own: ReadCertificate, candidates: readonly Candidate[]): Candidate[] {
  const above: Candidate[] = [];
  for (let last = own; !isSelfSigned(last); last = above.at(-1)?.read ?? last) {
    const next = candidates.find((candidate) => !above.includes(candidate) && hasSigned(candidate.read, last));
    if (next === undefined) break;
    above.push(next);
  }
  return above;
}

const isComplete = (own: ReadCertificate, above: readonly Candidate[]): boolean =>
  isSelfSigned(above.at(-1)?.read ?? own);

const missingAbove = ({ issuer, commonName }: ReadCertificate): string =>
  `${commonName} is signed by ${issuer}, whose certificate is missing: give all of those above it with --chain, up to the root`;

function ownFaults(own: ReadCertificate, wish: AuthorityWish & { isKeyOutside: boolean }): string[] {
  const isKnown = algorithmOf(own.x509.publicKey) !== null;
  return [
    ...signingFaults(own, wish).map((what) =>
      what.startsWith('has path length') ? `${what}${signerHint(wish)}` : what,
    ),
    ...(isKnown
      ? []
      : ['has a key of a kind that kbin does not sign with: RSA 2048, 3072, 4096, P-256 and P-384 are known']),
    ...(!isSelfSigned(own) && isWeaklySigned(own)
      ? ['is signed with SHA-1 or older, which nobody verifies any more']
      : []),
    ...(wish.isKeyOutside && !hasKeyId(own)
      ? ['has no subject key identifier: what it signs could not be told from others']
      : []),
  ];
}

const signerHint = ({ name }: AuthorityWish): string =>
  name === 'ca'
    ? ' (kubelet-signer, for the certificates that kubelets renew). Give kubelet-signer an authority of its own first'
    : '';

const aboveFaults = (above: readonly Candidate[], wish: AuthorityWish): string[] =>
  above.flatMap(({ read }, index) => {
    const need: SigningNeed = { ...wish, below: wish.below + index + 1 };
    const weak = !isSelfSigned(read) && isWeaklySigned(read) ? ['is signed with SHA-1 or older'] : [];
    return [...signingFaults(read, need), ...weak].map((what) => `${read.commonName} ${what}`);
  });

function keyFaults(
  own: ReadCertificate,
  key: KeyObject,
  { label, keyLabel }: { label: string; keyLabel: string },
): string[] {
  if (!own.x509.checkPrivateKey(key)) return [`${keyLabel} is not the key of ${label}`];
  // Comparing the public halves does not tell whether the private one is intact; everything signed would be invalid.
  const probe = Buffer.from(label);
  const isIntact = verify('sha256', probe, own.x509.publicKey, sign('sha256', probe, key));
  return isIntact ? [] : [`${keyLabel} does not sign what ${label} verifies`];
}

function notesOf(own: ReadCertificate, { days, now }: AuthorityWish): string[] {
  const left = Math.floor((Date.parse(own.x509.validTo) - now) / DAY);
  const end = new Date(own.x509.validTo).toISOString().slice(0, 10);
  return [
    ...(left + MONTH < days
      ? [`ends on ${end}, in ${left} days; the inventory's caDays are ${days}. What it signs ends with it`]
      : []),
    ...(hasNameConstraints(own)
      ? ['has name constraints, which kbin does not look into: names outside of them will be refused by clients']
      : []),
  ];
}

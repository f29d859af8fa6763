import type { KeyObject } from 'node:crypto';
import { KbinError } from '../errors.ts';
import type { CertSpec } from '../model/pki.ts';
import { NO_ALT_NAMES } from './altNames.ts';
import { readCertificate, USAGE_OIDS } from './certificate.ts';
import type { KeyUsageBit } from './extensions.ts';
import { keyIdOf, type KeyPair, spkiOf } from './keys.ts';
import { ATTRIBUTES, type Name, nameOf } from './names.ts';
import { signCertificate, type Signer, type Template } from './sign.ts';
import { signatureOf } from './signature.ts';

/** An authority as far as signing needs it. */
export interface Issuer {
  name: string;
  /** Its subject, DER: becomes the issuer field byte for byte. */
  subject: Buffer;
  keyId: Buffer;
  key: KeyObject;
  /** Milliseconds since the epoch. */
  notBefore: number;
  notAfter: number;
  /** PEM text that stands after the leaves it signs; absent for one that is trusted as the root. */
  presented?: string;
}

const SECOND = 1000;
const DAY = 86_400 * SECOND;
// Clocks of hosts may be behind the operator's. Both kubeadm and cfssl take five minutes.
const BACKDATE = 300 * SECOND;

/** REFERENCE 1.1: keyEncipherment even for ECDSA, and never cRLSign. */
const LEAF_KEY_USAGES: readonly KeyUsageBit[] = ['digitalSignature', 'keyEncipherment'];
const AUTHORITY_KEY_USAGES: readonly KeyUsageBit[] = [...LEAF_KEY_USAGES, 'keyCertSign'];

/**
 * A certificate as PEM, for this key pair. Without an issuer it is signed by itself. It begins five minutes before
 * `now` and ends after `spec.days`, but never after its issuer: a chain with an expired link is worth nothing.
 * Throws PKI when the issuer is not valid at `now`. Source: REFERENCE 1.1, as kubeadm issues.
 */
export function issueCertificate(
  spec: CertSpec,
  keys: KeyPair,
  signing: { issuer: Issuer | null; now: number },
): string {
  const { issuer, now } = signing;
  if (issuer !== null) checkIssuer(spec, issuer, now);
  checkNames(spec);
  const spki = spkiOf(keys.publicKey);
  const key = issuer?.key ?? keys.privateKey;
  const signer: Signer = {
    subject: issuer?.subject ?? null,
    keyId: issuer?.keyId ?? keyIdOf(spki),
    key,
    // Only `kbin certs gen` takes what fits the key's length, as cfssl does.
    signature: key.asymmetricKeyType === 'rsa' ? 'rsaSha256' : signatureOf(key),
  };
  const notAfter = Math.min(now + spec.days * DAY, issuer?.notAfter ?? Infinity);
  return signCertificate({ ...contentsOf(spec), spki, notBefore: now - BACKDATE, notAfter }, signer);
}

/** An authority, from what the store holds, for signing others. */
export function issuerFrom(name: string, pem: string, key: KeyObject): Issuer {
  const { x509, subject, keyId } = readCertificate(pem);
  const [notBefore, notAfter] = [Date.parse(x509.validFrom), Date.parse(x509.validTo)];
  return { name, subject, keyId, key, notBefore, notAfter };
}

function checkIssuer(spec: CertSpec, issuer: Issuer, now: number): void {
  if (now >= issuer.notBefore && now < issuer.notAfter) return;
  const [from, to] = [issuer.notBefore, issuer.notAfter].map((moment) => new Date(moment).toISOString());
  throw new KbinError(
    'PKI',
    `${spec.name} cannot be issued: its authority ${issuer.name} is valid from ${from} to ${to}`,
    {
      hint: `Check the clock of this machine (${new Date(now).toISOString()}). An expired authority must be rotated.`,
    },
  );
}

function checkNames({ name, dnsNames }: CertSpec): void {
  const foreign = dnsNames.find((dnsName) => !/^[\x21-\x7e]+$/.test(dnsName));
  if (foreign === undefined) return;
  throw new KbinError('PKI', `${name} cannot be issued: "${foreign}" is not a DNS name in ASCII`, {
    hint: 'Write an internationalized name in its xn-- form.',
  });
}

/** What a certificate says whoever signs it, and whenever. */
const contentsOf = (spec: CertSpec): Omit<Template, 'spki' | 'notBefore' | 'notAfter'> => ({
  subject: subjectOf(spec),
  altNames: { ...NO_ALT_NAMES, dns: spec.dnsNames, ip: spec.ipAddresses },
  keyUsages: spec.isAuthority ? AUTHORITY_KEY_USAGES : LEAF_KEY_USAGES,
  extendedKeyUsages: spec.usages.map((usage) => USAGE_OIDS[usage]),
  // An authority below another signs leaves only.
  ...(spec.isAuthority ? { authority: spec.ca === undefined ? {} : { pathLength: 0 } } : {}),
});

const subjectOf = ({ organizations, commonName }: CertSpec): Name =>
  nameOf([
    ...organizations.map((value) => ({ type: ATTRIBUTES.O, value })),
    { type: ATTRIBUTES.CN, value: commonName },
  ]);

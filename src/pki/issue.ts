import { type KeyObject, randomBytes, sign } from 'node:crypto';
import { KbinError } from '../errors.ts';
import type { CertSpec } from '../model/pki.ts';
import { addressBytes } from './address.ts';
import { readCertificate, USAGE_OIDS } from './certificate.ts';
import * as der from './der.ts';
import { algorithmOf, keyIdOf, type KeyPair, spkiOf } from './keys.ts';
import { toPem } from './pem.ts';

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

const SIGNATURES = {
  ecdsaSha256: { hash: 'sha256', identifier: der.sequence(der.oid('1.2.840.10045.4.3.2')) },
  ecdsaSha384: { hash: 'sha384', identifier: der.sequence(der.oid('1.2.840.10045.4.3.3')) },
  rsaSha256: { hash: 'sha256', identifier: der.sequence(der.oid('1.2.840.113549.1.1.11'), der.nothing()) },
};

/** Bits of keyUsage: digitalSignature, keyEncipherment (REFERENCE 1.1: even for ECDSA), keyCertSign; never cRLSign. */
const LEAF_KEY_USAGE = der.bits(Buffer.from([0b1010_0000]), 5);
const AUTHORITY_KEY_USAGE = der.bits(Buffer.from([0b1010_0100]), 2);

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
  const spki = spkiOf(keys.publicKey);
  const keyId = keyIdOf(spki);
  const signer = issuer?.key ?? keys.privateKey;
  const signature = SIGNATURES[signatureOf(signer)];
  const subject = subjectOf(spec);
  const tbs = der.sequence(
    der.tagged(0, [der.integer(Buffer.from([2]))]),
    der.integer(serial()),
    signature.identifier,
    issuer === null ? subject : der.verbatim(issuer.subject),
    der.sequence(der.time(now - BACKDATE), der.time(Math.min(now + spec.days * DAY, issuer?.notAfter ?? Infinity))),
    subject,
    der.verbatim(spki),
    der.tagged(3, [der.sequence(...extensionsOf(spec, keyId, issuer?.keyId ?? keyId))]),
  );
  const body = der.toDer(tbs);
  const signed = sign(signature.hash, body, signer);
  return toPem('CERTIFICATE', der.toDer(der.sequence(der.verbatim(body), signature.identifier, der.bits(signed))));
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

function signatureOf(key: KeyObject): keyof typeof SIGNATURES {
  if (key.asymmetricKeyType === 'rsa') return 'rsaSha256';
  return algorithmOf(key) === 'ECDSA-P384' ? 'ecdsaSha384' : 'ecdsaSha256';
}

/** 63 random bits, so that the number is positive in eight bytes; zero is no serial number. */
function serial(): Buffer {
  const bytes = randomBytes(8);
  bytes.writeUInt8(bytes.readUInt8(0) & 0x7f, 0);
  return bytes.some((byte) => byte !== 0) ? bytes : serial();
}

function subjectOf(spec: CertSpec): der.Node {
  const attribute = (oid: string, value: string) => der.set(der.sequence(der.oid(oid), der.text(value)));
  return der.sequence(
    ...spec.organizations.map((organization) => attribute('2.5.4.10', organization)),
    attribute('2.5.4.3', spec.commonName),
  );
}

function extensionsOf(spec: CertSpec, keyId: Buffer, issuerKeyId: Buffer): der.Node[] {
  const extension = (oid: string, value: der.Node, critical: der.Node[] = []) =>
    der.sequence(der.oid(oid), ...critical, der.octets(der.toDer(value)));
  const critical = [der.boolean(true)];
  return [
    extension('2.5.29.15', spec.isAuthority ? AUTHORITY_KEY_USAGE : LEAF_KEY_USAGE, critical),
    ...(spec.usages.length === 0
      ? []
      : [extension('2.5.29.37', der.sequence(...spec.usages.map((usage) => der.oid(USAGE_OIDS[usage]))))]),
    extension('2.5.29.19', der.sequence(...basicConstraints(spec)), critical),
    extension('2.5.29.14', der.octets(keyId)),
    extension('2.5.29.35', der.sequence(der.tagged(0, issuerKeyId))),
    ...(spec.dnsNames.length + spec.ipAddresses.length === 0
      ? []
      : [extension('2.5.29.17', der.sequence(...altNames(spec)))]),
  ];
}

/** `CA:FALSE` is the default, so DER leaves it out. An authority below another signs leaves only. */
const basicConstraints = (spec: CertSpec): der.Node[] => [
  ...(spec.isAuthority ? [der.boolean(true)] : []),
  ...(spec.isAuthority && spec.ca !== undefined ? [der.integer(Buffer.from([0]))] : []),
];

function altNames(spec: CertSpec): der.Node[] {
  const foreign = spec.dnsNames.find((name) => !/^[\x21-\x7e]+$/.test(name));
  if (foreign !== undefined)
    throw new KbinError('PKI', `${spec.name} cannot be issued: "${foreign}" is not a DNS name in ASCII`, {
      hint: 'Write an internationalized name in its xn-- form.',
    });
  return [
    ...spec.dnsNames.map((name) => der.tagged(2, Buffer.from(name, 'latin1'))),
    ...spec.ipAddresses.map((address) => der.tagged(7, addressBytes(address))),
  ];
}

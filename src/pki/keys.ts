import { createHash, createPrivateKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { KeyAlgorithm } from '../model/pki.ts';
import { bits, elementsIn, oid, readElement, sequence, toDer } from './der.ts';
import { fromPem } from './pem.ts';

export interface KeyPair {
  publicKey: KeyObject;
  privateKey: KeyObject;
}

const generate = promisify(generateKeyPair);

const GENERATORS: Record<KeyAlgorithm, () => Promise<KeyPair>> = {
  'ECDSA-P256': () => generate('ec', { namedCurve: 'prime256v1' }),
  'ECDSA-P384': () => generate('ec', { namedCurve: 'secp384r1' }),
  'RSA-2048': () => generate('rsa', { modulusLength: 2048 }),
  'RSA-3072': () => generate('rsa', { modulusLength: 3072 }),
  'RSA-4096': () => generate('rsa', { modulusLength: 4096 }),
};

/** A new key pair, made in Node's thread pool. */
export const newKeyPair = (algorithm: KeyAlgorithm): Promise<KeyPair> => GENERATORS[algorithm]();

/** The algorithm of a key; null for one that kbin does not issue, such as Ed25519 or RSA-1024. */
export function algorithmOf(key: KeyObject): KeyAlgorithm | null {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  if (namedCurve === 'prime256v1') return 'ECDSA-P256';
  if (namedCurve === 'secp384r1') return 'ECDSA-P384';
  if (modulusLength === 2048 || modulusLength === 3072 || modulusLength === 4096) return `RSA-${modulusLength}`;
  return null;
}

const EC_PUBLIC_KEY = '1.2.840.10045.2.1';
const CURVES: Partial<Record<string, string>> = {
  'P-256': '1.2.840.10045.3.1.7',
  'P-384': '1.3.132.0.34',
  'P-521': '1.3.132.0.35',
};

/** SubjectPublicKeyInfo of a public key, DER. */
export function spkiOf(key: KeyObject): Buffer {
  if (key.asymmetricKeyType !== 'ec') return key.export({ type: 'spki', format: 'der' });
  // Put together here, because OpenSSL's encoder takes longer for it than making the key took.
  const { crv = '', x = '', y = '' } = key.export({ format: 'jwk' });
  const curve = CURVES[crv];
  if (curve === undefined) throw new Error(`has a key on an unknown curve (${crv})`);
  const point = Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
  return toDer(sequence(sequence(oid(EC_PUBLIC_KEY), oid(curve)), bits(point)));
}

/** SEC1 or PKCS#1 PEM: what Go and OpenSSL read, and what OpenSSL decodes fastest. */
export const privatePem = (key: KeyObject): string =>
  key.asymmetricKeyType === 'rsa'
    ? key.export({ type: 'pkcs1', format: 'pem' }).toString()
    : key.export({ type: 'sec1', format: 'pem' }).toString();

const ENCODINGS = { 'EC PRIVATE KEY': 'sec1', 'RSA PRIVATE KEY': 'pkcs1', 'PRIVATE KEY': 'pkcs8' } as const;
export const PRIVATE_LABELS = Object.keys(ENCODINGS) as (keyof typeof ENCODINGS)[];

/** The private key of a PEM text. Throws an Error that never quotes the text. */
export function parsePrivateKey(pem: string): KeyObject {
  const { label, der } = fromPem(pem, PRIVATE_LABELS);
  // Handing over DER and its type spares OpenSSL guessing, which takes three times as long as the decoding.
  return createPrivateKey({ key: der, format: 'der', type: ENCODINGS[label] });
}

/** Key identifier of a SubjectPublicKeyInfo: the first 160 bits of the sha256 of the key's bits (RFC 7093, method 1). */
export function keyIdOf(spki: Buffer): Buffer {
  const [, key] = elementsIn(readElement(spki).contents);
  if (key === undefined) throw new Error('the public key has no bits');
  return createHash('sha256').update(key.contents.subarray(1)).digest().subarray(0, 20);
}

import { type KeyObject, sign, verify } from 'node:crypto';
import * as der from './der.ts';

const ecdsa = (hash: string, oid: string) => ({ hash, oid, identifier: der.sequence(der.oid(oid)) });
const rsa = (hash: string, oid: string) => ({ hash, oid, identifier: der.sequence(der.oid(oid), der.nothing()) });

/** Signature algorithms that kbin makes and takes; none with SHA-1. */
const SIGNATURES = {
  ecdsaSha256: ecdsa('sha256', '1.2.840.10045.4.3.2'),
  ecdsaSha384: ecdsa('sha384', '1.2.840.10045.4.3.3'),
  ecdsaSha512: ecdsa('sha512', '1.2.840.10045.4.3.4'),
  rsaSha256: rsa('sha256', '1.2.840.113549.1.1.11'),
  rsaSha384: rsa('sha384', '1.2.840.113549.1.1.12'),
  rsaSha512: rsa('sha512', '1.2.840.113549.1.1.13'),
};

export type SignatureName = keyof typeof SIGNATURES;

const CURVES: Partial<Record<string, SignatureName>> = {
  prime256v1: 'ecdsaSha256',
  secp384r1: 'ecdsaSha384',
  secp521r1: 'ecdsaSha512',
};

/**
 * The algorithm that fits the strength of a signing key, as cfssl chooses it (signer.DefaultSigAlgo): SHA-384 from 3072
 * bits of RSA, SHA-512 from 4096. Throws an Error for a key that is neither RSA nor on one of the NIST curves.
 */
export function signatureOf(key: KeyObject): SignatureName {
  const { namedCurve = '', modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  const name = key.asymmetricKeyType === 'rsa' ? rsaSignature(modulusLength) : CURVES[namedCurve];
  if (name === undefined)
    throw new Error(`nothing is signed by a key of this kind (${key.asymmetricKeyType ?? 'none'})`);
  return name;
}

function rsaSignature(bits: number): SignatureName {
  if (bits >= 4096) return 'rsaSha512';
  return bits >= 3072 ? 'rsaSha384' : 'rsaSha256';
}

/** The AlgorithmIdentifier that stands in what is signed. */
export const signatureIdentifier = (name: SignatureName): der.Node => SIGNATURES[name].identifier;

/** What X.509 calls SIGNED: the body, the algorithm, the signature over the body's bytes. DER. */
export function signedDer(body: der.Node, key: KeyObject, name: SignatureName): Buffer {
  const { hash, identifier } = SIGNATURES[name];
  const bytes = der.toDer(body);
  return der.toDer(der.sequence(der.verbatim(bytes), identifier, der.bits(sign(hash, bytes, key))));
}

/** The body of a SIGNED structure. Throws an Error when it is not signed by this key, or by an algorithm not known here. */
export function verifiedBody(signed: Buffer, keyOf: (body: Buffer) => KeyObject): Buffer {
  const [body, identifier, signature] = der.elementsIn(der.readElement(signed).contents);
  if (body === undefined || identifier === undefined || signature === undefined) throw new Error('is not signed');
  const oid = der.dotted(der.elementsIn(identifier.contents)[0]?.contents ?? Buffer.alloc(0));
  const algorithm = Object.values(SIGNATURES).find((known) => known.oid === oid);
  if (algorithm === undefined) throw new Error(`is signed by an algorithm that is not taken (${oid})`);
  if (!verify(algorithm.hash, body.whole, keyOf(body.whole), signature.contents.subarray(1)))
    throw new Error('has a signature that is not of its own key');
  return body.whole;
}

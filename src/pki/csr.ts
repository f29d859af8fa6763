import { createPublicKey, type KeyObject } from 'node:crypto';
import { type AltNames, NO_ALT_NAMES, readAltNames } from './altNames.ts';
import * as der from './der.ts';
import {
  type AuthorityConstraint,
  basicConstraints,
  EXTENSIONS,
  type ReadExtension,
  readExtensions,
  subjectAltName,
} from './extensions.ts';
import { type KeyPair, spkiOf } from './keys.ts';
import { ATTRIBUTES, type Name, nameNode, readName, valuesOf } from './names.ts';
import { fromPem, toPem } from './pem.ts';
import { signatureOf, signedDer, verifiedBody } from './signature.ts';

export interface RequestContents {
  subject: Name;
  sans: AltNames;
  keys: KeyPair;
  /** Asks for a certificate that may sign others. */
  authority?: AuthorityConstraint;
  /** Further extensions that it asks for. */
  others?: readonly der.Node[];
}

/** pkcs-9-at-extensionRequest (RFC 2985 5.4.2). */
const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';

type RequestParts = Omit<RequestContents, 'keys'> & { spki: Buffer };

/** CertificationRequestInfo (RFC 2986 4.1). */
function requestBody({ subject, sans, spki, authority, others = [] }: RequestParts): der.Node {
  const extensions = [
    ...subjectAltName(sans, false),
    ...(authority === undefined ? [] : [basicConstraints(authority)]),
    ...others,
  ];
  const attribute = der.sequence(der.oid(EXTENSION_REQUEST), der.set(der.sequence(...extensions)));
  return der.sequence(
    der.integer(Buffer.from([0])),
    nameNode(subject),
    der.verbatim(spki),
    der.tagged(0, extensions.length === 0 ? [] : [attribute]),
  );
}

/** A PKCS#10 request (RFC 2986) as PEM, signed by the key that it asks for. */
export function certificateRequest({ keys, ...contents }: RequestContents): string {
  const body = requestBody({ ...contents, spki: spkiOf(keys.publicKey) });
  return toPem('CERTIFICATE REQUEST', signedDer(body, keys.privateKey, signatureOf(keys.privateKey)));
}

/** A request taken apart; whoever sent it has the private key. */
export interface ReadRequest {
  subject: Name;
  commonName: string;
  organizations: string[];
  /** SubjectPublicKeyInfo, DER. */
  spki: Buffer;
  publicKey: KeyObject;
  sans: AltNames;
  /** All requested extensions, by dotted identifier. */
  extensions: ReadonlyMap<string, ReadExtension>;
  /** It is, byte for byte, what subject, key and names make: no other reader can see anything else in it. */
  isPlain: boolean;
}

/** Throws an Error unless the PEM is one request whose signature is of the key in it. */
export function readRequest(pem: string): ReadRequest {
  const signed = fromPem(pem, ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST']).der;
  const body = verifiedBody(signed, (bytes) => publicKeyOf(partsOf(bytes).spki));
  const { subject: name, spki, attributes } = partsOf(body);
  const subject = readName(name);
  const extensions = requestedExtensions(attributes);
  const altNames = extensions.get(EXTENSIONS.altNames);
  const sans = altNames === undefined ? NO_ALT_NAMES : readAltNames(altNames.value);
  return {
    subject,
    commonName: valuesOf(subject, ATTRIBUTES.CN)[0] ?? '',
    organizations: valuesOf(subject, ATTRIBUTES.O),
    spki,
    publicKey: publicKeyOf(spki),
    sans,
    extensions,
    isPlain: toPem('CERTIFICATE REQUEST', signed) === pem && isMadeOf(body, { subject, sans, spki }),
  };
}

function isMadeOf(body: Buffer, parts: RequestParts): boolean {
  try {
    return der.toDer(requestBody(parts)).equals(body);
  } catch {
    // Names that kbin would not write.
    return false;
  }
}

const publicKeyOf = (spki: Buffer): KeyObject => createPublicKey({ key: spki, format: 'der', type: 'spki' });

const ATTRIBUTES_TAG = 0xa0;

function partsOf(body: Buffer): { subject: Buffer; spki: Buffer; attributes: der.Element[] } {
  const [, subject, spki, last] = der.elementsIn(der.readElement(body).contents);
  if (subject === undefined || spki === undefined) throw new Error('is no PKCS#10 request');
  const attributes = last?.tag === ATTRIBUTES_TAG ? der.elementsIn(last.contents) : [];
  return { subject: subject.whole, spki: spki.whole, attributes };
}

function requestedExtensions(attributes: readonly der.Element[]): Map<string, ReadExtension> {
  for (const attribute of attributes) {
    const [type, values] = der.elementsIn(attribute.contents);
    if (type === undefined || values === undefined || der.dotted(type.contents) !== EXTENSION_REQUEST) continue;
    return readExtensions(values.contents);
  }
  return new Map();
}

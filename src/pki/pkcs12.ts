import { createCipheriv, createHash, createHmac, type KeyObject, pbkdf2Sync, randomBytes } from 'node:crypto';
import forge from 'node-forge';
import type { Secret } from '../model/secret.ts';
import * as der from './der.ts';
import { fromPem } from './pem.ts';

/** What goes into a PKCS#12 file. */
export interface Bundle {
  key: KeyObject;
  /** PEM of the key's certificate. */
  certificate: string;
  /** PEMs of the authorities above it. */
  chain: readonly string[];
  /** By which programs show the entry. */
  friendlyName: string;
}

const OID = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certBag: '1.2.840.113549.1.12.10.1.3',
  x509Certificate: '1.2.840.113549.1.9.22.1',
  friendlyName: '1.2.840.113549.1.9.20',
  localKeyId: '1.2.840.113549.1.9.21',
  pbes2: '1.2.840.113549.1.5.13',
  pbkdf2: '1.2.840.113549.1.5.12',
  hmacSha256: '1.2.840.113549.2.9',
  aes256Cbc: '2.16.840.1.101.3.4.1.42',
  sha256: '2.16.840.1.101.3.4.2.1',
};

/** Of the key derivation for encryption, and of the one for the seal, which forge does step by step. */
const ITERATIONS = { encryption: 100_000, seal: 20_000 };

/**
 * A PKCS#12 file (RFC 7292): the key and the certificates encrypted with AES-256 under PBKDF2 with HMAC-SHA-256, sealed
 * with SHA-256, as OpenSSL 3 makes them. forge's own maker knows RSA keys only, so the structure is put together here.
 */
export function pkcs12({ key, certificate, chain, friendlyName }: Bundle, password: Secret): Buffer {
  const own = fromPem(certificate, ['CERTIFICATE']).der;
  const attributes = bagAttributes(friendlyName, createHash('sha1').update(own).digest());
  const others = chain.map((pem) => fromPem(pem, ['CERTIFICATE']).der);
  const certificates = der.sequence(certBag(own, [attributes]), ...others.map((other) => certBag(other, [])));
  const shrouded = encrypted(key.export({ type: 'pkcs8', format: 'der' }), password);
  const keys = der.sequence(
    bag(OID.shroudedKeyBag, der.sequence(shrouded.algorithm, der.octets(shrouded.content)), [attributes]),
  );
  const safes = der.toDer(der.sequence(encryptedContent(certificates, password), dataContent(der.toDer(keys))));
  return der.toDer(der.sequence(der.integer(Buffer.from([3])), dataContent(safes), seal(safes, password)));
}

const attribute = (oid: string, value: der.Node): der.Node => der.sequence(der.oid(oid), der.set(value));

/** The local key id ties the certificate to its key; by convention it is the certificate's SHA-1. */
const bagAttributes = (name: string, keyId: Buffer): der.Node =>
  der.setOf([attribute(OID.friendlyName, der.bmp(name)), attribute(OID.localKeyId, der.octets(keyId))]);

const bag = (oid: string, value: der.Node, attributes: der.Node[]): der.Node =>
  der.sequence(der.oid(oid), der.tagged(0, [value]), ...attributes);

const certBag = (certificate: Buffer, attributes: der.Node[]): der.Node =>
  bag(OID.certBag, der.sequence(der.oid(OID.x509Certificate), der.tagged(0, [der.octets(certificate)])), attributes);

const dataContent = (content: Buffer): der.Node =>
  der.sequence(der.oid(OID.data), der.tagged(0, [der.octets(content)]));

function encryptedContent(content: der.Node, password: Secret): der.Node {
  const { algorithm, content: bytes } = encrypted(der.toDer(content), password);
  const info = der.sequence(der.oid(OID.data), algorithm, der.tagged(0, bytes));
  return der.sequence(der.oid(OID.encryptedData), der.tagged(0, [der.sequence(der.integer(Buffer.from([0])), info)]));
}

const count = (iterations: number): der.Node => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(iterations);
  return der.integer(bytes);
};

/** PBES2 (RFC 8018 6.2): the algorithm with its parameters, and the encrypted bytes. */
function encrypted(plain: Buffer, password: Secret): { algorithm: der.Node; content: Buffer } {
  const [salt, start] = [randomBytes(16), randomBytes(16)];
  const key = pbkdf2Sync(password.reveal(), salt, ITERATIONS.encryption, 32, 'sha256');
  const cipher = createCipheriv('aes-256-cbc', key, start);
  const content = Buffer.concat([cipher.update(plain), cipher.final()]);
  const random = der.sequence(der.oid(OID.hmacSha256), der.nothing());
  const derivation = der.sequence(der.octets(salt), count(ITERATIONS.encryption), random);
  const parameters = der.sequence(
    der.sequence(der.oid(OID.pbkdf2), derivation),
    der.sequence(der.oid(OID.aes256Cbc), der.octets(start)),
  );
  return { algorithm: der.sequence(der.oid(OID.pbes2), parameters), content };
}

const SEAL_KEY = 3;

/** MacData over the safes (RFC 7292 5.1). */
function seal(safes: Buffer, password: Secret): der.Node {
  const salt = randomBytes(16);
  const md = forge.md.sha256.create();
  const saltBuffer = forge.util.createBuffer(salt.toString('latin1'));
  const key = forge.pkcs12.generateKey(password.reveal(), saltBuffer, SEAL_KEY, ITERATIONS.seal, 32, md);
  const digest = createHmac('sha256', Buffer.from(key.getBytes(), 'latin1')).update(safes).digest();
  const info = der.sequence(der.sequence(der.oid(OID.sha256), der.nothing()), der.octets(digest));
  return der.sequence(info, der.octets(salt), count(ITERATIONS.seal));
}

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KeyAlgorithm } from '../../../src/model/pki.ts';
import { NO_ALT_NAMES } from '../../../src/pki/altNames.ts';
import { certificateRequest, readRequest } from '../../../src/pki/csr.ts';
import { EXTENSIONS, readBasicConstraints } from '../../../src/pki/extensions.ts';
import { newKeyPair, privatePem, spkiOf } from '../../../src/pki/keys.ts';
import { ATTRIBUTES, nameOf } from '../../../src/pki/names.ts';
import { fromPem, toPem } from '../../../src/pki/pem.ts';
import { openssl, temporaryDirectory, testWithOpenssl } from './samples.ts';

const directory = temporaryDirectory();
const file = (text: string, name = 'request.pem'): string => {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
};

const subject = nameOf([
  { type: ATTRIBUTES.O, value: 'system:nodes' },
  { type: ATTRIBUTES.CN, value: 'Jürgen' },
]);
const sans = { dns: ['a.example'], email: ['a@b.example'], ip: ['10.0.0.1', 'fd00::1'], uri: ['spiffe://td/a'] };

test.each<KeyAlgorithm>(['ECDSA-P256', 'ECDSA-P384', 'RSA-2048', 'RSA-3072'])(
  'a request of a %s key comes back with everything in it',
  async (algorithm) => {
    const keys = await newKeyPair(algorithm);
    const read = readRequest(certificateRequest({ subject, sans, keys }));
    expect(read).toMatchObject({ subject, sans, commonName: 'Jürgen', organizations: ['system:nodes'] });
    expect(read.publicKey.equals(keys.publicKey)).toBe(true);
    expect(read.spki).toEqual(spkiOf(keys.publicKey));
    expect([...read.extensions.keys()]).toEqual([EXTENSIONS.altNames]);
  },
);

test('a request without names asks for no extension, one for an authority for basic constraints', async () => {
  const keys = await newKeyPair('ECDSA-P256');
  const contents = { subject, sans: NO_ALT_NAMES, keys };
  expect(readRequest(certificateRequest(contents))).toMatchObject({ sans: NO_ALT_NAMES, extensions: new Map() });
  const { extensions } = readRequest(certificateRequest({ ...contents, authority: { pathLength: 1 } }));
  expect(readBasicConstraints(extensions.get(EXTENSIONS.basicConstraints)!.value)).toEqual({ pathLength: 1 });
});

test('a request that was changed, or that another key signed, is refused', async () => {
  const keys = await newKeyPair('ECDSA-P256');
  const { der } = fromPem(certificateRequest({ subject, sans, keys }), ['CERTIFICATE REQUEST']);
  const changed = Buffer.from(der);
  changed[der.indexOf('a.example')] = 'b'.charCodeAt(0);
  expect(() => readRequest(toPem('CERTIFICATE REQUEST', changed))).toThrow('signature that is not of its own key');
  const other = await newKeyPair('ECDSA-P256');
  const stolen = certificateRequest({ subject, sans, keys: { ...keys, privateKey: other.privateKey } });
  expect(() => readRequest(stolen)).toThrow('signature that is not of its own key');
});

test.each([
  ['', 'holds no whole PEM block'],
  ['-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n', 'is not signed'],
])('what is no request is refused: %j', (text, what) => {
  expect(() => readRequest(text)).toThrow(what);
});

testWithOpenssl('OpenSSL takes it, and what OpenSSL makes is read', async () => {
  const keys = await newKeyPair('ECDSA-P256');
  const made = openssl('req', '-verify', '-noout', '-text', '-in', file(certificateRequest({ subject, sans, keys })));
  expect(made).toContain(
    'DNS:a.example, email:a@b.example, IP Address:10.0.0.1, IP Address:FD00:0:0:0:0:0:0:1, URI:spiffe://td/a',
  );
  const key = file(privatePem(keys.privateKey), 'key.pem');
  const out = join(directory, 'theirs.pem');
  const names = 'subjectAltName=DNS:x.example,IP:10.0.0.7';
  openssl('req', '-new', '-key', key, '-subj', '/O=a/O=b/CN=x', '-addext', names, '-out', out);
  const theirs = readRequest(openssl('req', '-in', out));
  expect(theirs).toMatchObject({ commonName: 'x', organizations: ['a', 'b'] });
  expect(theirs.sans).toEqual({ ...NO_ALT_NAMES, dns: ['x.example'], ip: ['10.0.0.7'] });
});

testWithOpenssl('a request signed with SHA-1 is refused', async () => {
  const keys = await newKeyPair('RSA-2048');
  const key = file(privatePem(keys.privateKey), 'rsa.pem');
  const pem = openssl('req', '-new', '-sha1', '-key', key, '-subj', '/CN=x');
  expect(() => readRequest(pem)).toThrow('signed by an algorithm that is not taken (1.2.840.113549.1.1.5)');
});

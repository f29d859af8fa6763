import { spawnSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KeyAlgorithm } from '../../../src/model/pki.ts';
import { Secret } from '../../../src/model/secret.ts';
import { issueCertificate } from '../../../src/pki/issue.ts';
import { newKeyPair } from '../../../src/pki/keys.ts';
import { pkcs12 } from '../../../src/pki/pkcs12.ts';
import { authority, NOW, openssl, temporaryDirectory, testWithOpenssl } from './samples.ts';

const directory = temporaryDirectory();

async function bundle(algorithm: KeyAlgorithm, password: string) {
  const keys = await newKeyPair(algorithm);
  const certificate = issueCertificate(authority({ algorithm }), keys, { issuer: null, now: NOW });
  const above = issueCertificate(authority({ commonName: 'above' }), await newKeyPair('ECDSA-P256'), {
    issuer: null,
    now: NOW,
  });
  const contents = { key: keys.privateKey, certificate, chain: [above], friendlyName: 'web, Köln' };
  const bytes = pkcs12(contents, new Secret(password));
  const path = join(directory, `${algorithm}.p12`);
  writeFileSync(path, bytes);
  return { bytes, path, keys, certificate, above };
}

const PASSWORD = 'pass wörd €';

testWithOpenssl.each<KeyAlgorithm>(['ECDSA-P256', 'ECDSA-P384', 'RSA-2048'])(
  'OpenSSL opens a bundle with a %s key, and finds key and certificates in it',
  async (algorithm) => {
    const { path, keys, certificate, above } = await bundle(algorithm, PASSWORD);
    const read = (...args: string[]): string => openssl('pkcs12', '-in', path, '-passin', `pass:${PASSWORD}`, ...args);
    expect(createPrivateKey(read('-nodes', '-nocerts')).equals(keys.privateKey)).toBe(true);
    expect(read('-nokeys', '-clcerts')).toContain(certificate.trim());
    expect(read('-nokeys', '-clcerts')).toContain('friendlyName: web, K');
    expect(read('-nokeys', '-cacerts')).toContain(above.trim());
    const { stderr } = spawnSync('openssl', ['pkcs12', '-in', path, '-passin', `pass:${PASSWORD}`, '-info', '-noout']);
    expect(stderr.toString()).toContain('MAC: sha256, Iteration 20000');
    expect(stderr.toString()).toContain('PBES2, PBKDF2, AES-256-CBC, Iteration 100000, PRF hmacWithSHA256');
  },
);

testWithOpenssl('another password opens nothing', async () => {
  const { path } = await bundle('ECDSA-P256', PASSWORD);
  expect(() => openssl('pkcs12', '-in', path, '-passin', 'pass:other', '-nodes')).toThrow('invalid password');
});

test('neither the key nor the certificates can be read without the password', async () => {
  const { bytes, keys, certificate } = await bundle('ECDSA-P256', PASSWORD);
  const { d = '' } = keys.privateKey.export({ format: 'jwk' });
  expect(bytes.includes(Buffer.from(d, 'base64url'))).toBe(false);
  const own = Buffer.from(certificate.split('\n').slice(1, -2).join(''), 'base64');
  expect(bytes.includes(own.subarray(0, 40))).toBe(false);
});

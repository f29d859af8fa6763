import { Secret } from '../../../../src/model/secret.ts';
import { NO_ALT_NAMES } from '../../../../src/pki/altNames.ts';
import { newKeyPair, privatePem, spkiOf } from '../../../../src/pki/keys.ts';
import { ATTRIBUTES, nameOf } from '../../../../src/pki/names.ts';
import { fromPem, toPem } from '../../../../src/pki/pem.ts';
import { authorityOf } from '../../../../src/pki/request/authority.ts';
import { signCertificate, type Template } from '../../../../src/pki/sign.ts';
import { DAY, NOW } from '../samples.ts';

const keys = await newKeyPair('ECDSA-P256');
const other = await newKeyPair('ECDSA-P256');
const keyPem = privatePem(keys.privateKey);

const leafTemplate: Template = {
  subject: nameOf([{ type: ATTRIBUTES.CN, value: 'root' }]),
  spki: spkiOf(keys.publicKey),
  altNames: NO_ALT_NAMES,
  keyUsages: ['digitalSignature'],
  extendedKeyUsages: [],
  notBefore: NOW - DAY,
  notAfter: NOW + DAY,
};
const signed = (changes: Partial<Template> = {}): string =>
  signCertificate({ ...leafTemplate, ...changes }, { subject: null, keyId: null, key: keys.privateKey });
const root = (changes: Partial<Template> = {}): string =>
  signed({ keyUsages: ['keyCertSign'], authority: { pathLength: 1 }, ...changes });

const opened = (certificate: string, key = keyPem) =>
  authorityOf(
    { certificate: { label: 'ca.pem', pem: certificate }, key: { label: 'ca-key.pem', pem: new Secret(key) } },
    NOW,
  );

test('an authority is its label, its path length and its end', () => {
  const pem = root();
  expect(opened(pem)).toMatchObject({ label: 'ca.pem', pem, pathLength: 1, notAfter: NOW + DAY });
  expect(opened(root({ authority: {} })).pathLength).toBeUndefined();
});

test.each([
  ['with text around it', (pem: string) => `Bag Attributes\n  name: x\n${pem}\nmore\n`],
  ['with the line ends of Windows', (pem: string) => pem.replaceAll('\n', '\r\n')],
  ['without its last line end', (pem: string) => pem.trimEnd()],
])('PEM %s is read', (_, change) => {
  expect(opened(change(root()), change(keyPem)).pathLength).toBe(1);
});

test('a key is read with its curve before it, as OpenSSL writes it, and as PKCS#8', () => {
  const curve = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n';
  expect(opened(root(), `${curve}${keyPem}`).pathLength).toBe(1);
  expect(opened(root(), keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()).pathLength).toBe(1);
});

/** The key with another private number beside its own public point. */
function damagedKey(): string {
  const { der } = fromPem(keyPem, ['EC PRIVATE KEY']);
  const changed = Buffer.from(der);
  changed[20] = (changed[20] ?? 0) ^ 1;
  return toPem('EC PRIVATE KEY', changed);
}

const encrypted = { cipher: 'aes-256-cbc', passphrase: 'secret' };

test.each<[string, () => unknown, string]>([
  ['a certificate without CA:TRUE', () => opened(signed()), 'ca.pem is no authority: it lacks CA:TRUE'],
  [
    'one that may not sign certificates',
    () => opened(root({ keyUsages: ['digitalSignature'] })),
    'ca.pem is no authority: its key usage lacks certificate signing',
  ],
  [
    'one that has expired',
    () => opened(root({ notAfter: NOW - 1000 })),
    'ca.pem signs nothing now: it is valid from 2026-11-19T12:00:00.000Z to 2026-11-20T11:59:59.000Z',
  ],
  ['one that is not valid yet', () => opened(root({ notBefore: NOW + 1000 })), 'ca.pem signs nothing now'],
  ['a text that is no certificate', () => opened('hello'), 'ca.pem: holds no whole PEM block of CERTIFICATE'],
  ['half a certificate', () => opened(root().slice(0, 200)), 'ca.pem: holds no whole PEM block of CERTIFICATE'],
  ['two certificates', () => opened(root() + root()), 'ca.pem: holds more than one PEM block'],
  [
    'the key of another certificate',
    () => opened(root(), privatePem(other.privateKey)),
    'ca-key.pem is not the key of ca.pem',
  ],
  ['a damaged key', () => opened(root(), damagedKey()), 'ca-key.pem'],
  ['a text that is no key', () => opened(root(), 'hello'), 'ca-key.pem: holds no whole PEM block'],
  [
    'an encrypted key',
    () => opened(root(), keys.privateKey.export({ type: 'pkcs8', format: 'pem', ...encrypted }).toString()),
    'ca-key.pem is encrypted',
  ],
  [
    'a key encrypted the old way',
    () => opened(root(), keys.privateKey.export({ type: 'sec1', format: 'pem', ...encrypted }).toString()),
    'ca-key.pem is encrypted',
  ],
])('%s is refused, and no key stands in the error', (_, open, message) => {
  let error: unknown;
  try {
    open();
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({ code: 'PKI', message: expect.stringContaining(message) });
  expect(JSON.stringify(error) + String(error)).not.toContain(keyPem.split('\n')[1]);
});

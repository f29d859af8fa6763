import { X509Certificate } from 'node:crypto';
import { Secret } from '../../../../src/model/secret.ts';
import { readAltNames } from '../../../../src/pki/altNames.ts';
import { readCertificate } from '../../../../src/pki/certificate.ts';
import { readRequest } from '../../../../src/pki/csr.ts';
import { EXTENSIONS, readExtensions } from '../../../../src/pki/extensions.ts';
import { elementsIn, readElement } from '../../../../src/pki/der.ts';
import { newKeyPair, parsePrivateKey } from '../../../../src/pki/keys.ts';
import { type Authority, authorityOf } from '../../../../src/pki/request/authority.ts';
import {
  authorityProfile,
  type Generated,
  generateCertificate,
  type Generation,
} from '../../../../src/pki/request/generate.ts';
import { DEFAULT_PROFILE, type Profile } from '../../../../src/pki/request/profile.ts';
import { DAY, NOW } from '../samples.ts';
import { profileOf, requestOf } from './texts.ts';

const MINUTE = 60_000;

async function root(ca: object = {}, request: object = {}): Promise<{ made: Generated; authority: Authority }> {
  const wanted = requestOf({ CN: 'root', ca, ...request }, { isAuthority: true });
  const made = await generateCertificate({
    request: wanted,
    profile: authorityProfile(wanted),
    authority: null,
    now: NOW,
  });
  return { made, authority: authorityFrom(made) };
}

const authorityFrom = ({ certificate, key }: Generated, now = NOW): Authority =>
  authorityOf(
    { certificate: { label: 'ca.pem', pem: certificate }, key: { label: 'ca-key.pem', pem: key ?? new Secret('') } },
    now,
  );

const made = (changes: Partial<Generation>, request: object = { CN: 'web', hosts: ['web.example'] }) =>
  generateCertificate({ request: requestOf(request), profile: DEFAULT_PROFILE, authority: null, now: NOW, ...changes });

/** Extensions of a certificate, as `[identifier, critical]`, and their values. */
function extensionsOf(pem: string) {
  const [tbs] = elementsIn(readElement(readCertificate(pem).x509.raw).contents);
  return readExtensions(elementsIn(tbs!.contents).at(-1)!.contents);
}

test('a key, its certificate and its request belong together', async () => {
  const { authority, made: ca } = await root();
  const { certificate, csr, key, privateKey, notes } = await made({ authority });
  const x509 = new X509Certificate(certificate);
  expect(x509.checkPrivateKey(parsePrivateKey(key!.reveal()))).toBe(true);
  expect(x509.checkPrivateKey(privateKey)).toBe(true);
  expect(x509.verify(new X509Certificate(ca.certificate).publicKey)).toBe(true);
  expect(x509.checkIssued(new X509Certificate(ca.certificate))).toBe(true);
  expect(readRequest(csr)).toMatchObject({ commonName: 'web', sans: { dns: ['web.example'] } });
  expect(readRequest(csr).publicKey.equals(x509.publicKey)).toBe(true);
  expect(notes).toEqual([]);
});

test('it begins at a whole minute, five minutes ago, and its expiry counts from there', async () => {
  const { authority } = await root();
  const { certificate } = await made({ authority, now: NOW + 59_999 });
  const { validFrom, validTo } = new X509Certificate(certificate);
  expect(Date.parse(validFrom)).toBe(NOW - 5 * MINUTE);
  expect(Date.parse(validTo)).toBe(NOW - 5 * MINUTE + 365 * DAY);
});

test('a profile’s own times go before everything', async () => {
  const { authority } = await root();
  const [notBefore, notAfter] = [NOW + DAY, NOW + 2 * DAY];
  const { certificate } = await made({ authority, profile: { ...DEFAULT_PROFILE, notBefore, notAfter } });
  const { validFrom, validTo } = new X509Certificate(certificate);
  expect([validFrom, validTo].map(Date.parse)).toEqual([notBefore, notAfter]);
});

test('it never outlives its authority, and that is said', async () => {
  const { authority } = await root({ expiry: '240h' });
  const { notAfter, notes } = await made({ authority });
  expect(notAfter).toBe(authority.notAfter);
  expect(notes).toEqual(['it ends with ca.pem, on 2026-11-30 and not on 2027-11-20']);
});

test.each([
  ['no longer than it is backdated', { expiry: 5 * MINUTE }],
  ['over before it begins', { notBefore: NOW + DAY, notAfter: NOW + DAY - 1 }],
  ['over already', { notAfter: NOW - DAY }],
])('one that would be %s is refused', async (_, changes) => {
  const { authority } = await root();
  await expect(made({ authority, profile: { ...DEFAULT_PROFILE, ...changes } })).rejects.toMatchObject({ code: 'PKI' });
});

test('a new authority is what its ca section says, and keeps addresses only', async () => {
  const ca = { expiry: '87600h', backdate: '1h', pathlen: 2 };
  const { made: own } = await root(ca, { hosts: ['ca.example', '10.0.0.1'], crl_url: 'http://crl' });
  const x509 = new X509Certificate(own.certificate);
  expect(x509.ca).toBe(true);
  expect(Date.parse(x509.validFrom)).toBe(NOW - 60 * MINUTE);
  expect(Date.parse(x509.validTo)).toBe(NOW - 60 * MINUTE + 3650 * DAY);
  expect(x509.verify(x509.publicKey)).toBe(true);
  const extensions = extensionsOf(own.certificate);
  expect([...extensions.keys()]).toEqual([
    EXTENSIONS.keyUsage,
    EXTENSIONS.basicConstraints,
    EXTENSIONS.keyId,
    EXTENSIONS.altNames,
    EXTENSIONS.crls,
  ]);
  expect(readAltNames(extensions.get(EXTENSIONS.altNames)!.value)).toMatchObject({ dns: [], ip: ['10.0.0.1'] });
  expect(own.notes).toEqual(['these hosts are not in the certificate, authorities have none: ca.example']);
  expect(readRequest(own.csr).sans).toMatchObject({ dns: ['ca.example'], ip: ['10.0.0.1'] });
  expect([...readRequest(own.csr).extensions.keys()]).toContain(EXTENSIONS.basicConstraints);
});

test('a key that is there already gets a certificate and is not handed out again', async () => {
  const { privateKey, publicKey } = await newKeyPair('ECDSA-P384');
  const request = requestOf({ CN: 'root' }, { isAuthority: true });
  const own = await made({ request, profile: authorityProfile(request), key: privateKey });
  expect(own.key).toBeUndefined();
  expect(new X509Certificate(own.certificate).publicKey.equals(publicKey)).toBe(true);
});

test('without a subject the hosts are critical', async () => {
  const { authority } = await root();
  const { certificate } = await made({ authority }, { hosts: ['a.example'] });
  expect(extensionsOf(certificate).get(EXTENSIONS.altNames)?.isCritical).toBe(true);
  const named = await made({ authority });
  expect(extensionsOf(named.certificate).get(EXTENSIONS.altNames)?.isCritical).toBe(false);
});

test('a server without hosts is told', async () => {
  const { authority } = await root();
  expect((await made({ authority }, { CN: 'x' })).notes).toEqual([expect.stringContaining('the request has no hosts')]);
  const profile = { ...DEFAULT_PROFILE, extendedKeyUsages: ['1.3.6.1.5.5.7.3.2'] };
  expect((await made({ authority, profile }, { CN: 'x' })).notes).toEqual([]);
});

const intermediate = (max: object = {}): Profile =>
  profileOf({
    default: { usages: ['cert sign', 'crl sign'], expiry: '8760h', ca_constraint: { is_ca: true, ...max } },
  });

test.each([
  [{}, {}, true],
  [{}, { max_path_len: 3 }, true],
  [{ pathlen: 2 }, {}, true],
  [{ pathlen: 2 }, { max_path_len: 1 }, true],
  [{ pathlen: 2 }, { max_path_len: 2 }, false],
  [{ pathlen: 1 }, { max_path_len_zero: true }, true],
  [{ pathlenzero: true }, {}, false],
  [{ pathlenzero: true }, { max_path_len_zero: true }, false],
])('an authority with %j and a profile with %j: may sign is %s', async (ca, max, isAllowed) => {
  const { authority } = await root(ca);
  const signing = made({ authority, profile: intermediate(max) });
  if (isAllowed) await expect(signing).resolves.toBeDefined();
  else await expect(signing).rejects.toMatchObject({ code: 'PKI', message: expect.stringMatching(/^ca\.pem allows /) });
});

test('an authority without a subject is refused', async () => {
  const { authority } = await root();
  const signing = made({ authority, profile: intermediate() }, { hosts: ['a.example'] });
  await expect(signing).rejects.toMatchObject({ code: 'PKI', message: expect.stringMatching(/^an authority without/) });
});

test('an authority that signs no others still signs leafs', async () => {
  const { authority } = await root({ pathlenzero: true });
  await expect(made({ authority })).resolves.toBeDefined();
});

test.each([
  [{ CN: 'web.example.com', hosts: ['a.example.com', '10.0.0.1'] }, undefined],
  [{ CN: 'other', hosts: ['a.example.com'] }, 'other'],
  [{ CN: 'web.example.com', hosts: ['a.example.org', 'b@example.net'] }, 'a.example.org, b@example.net'],
])('a whitelist of names: %j', async (request, foreign) => {
  const { authority } = await root();
  const profile = { ...DEFAULT_PROFILE, nameWhitelist: /\.example\.com$/u };
  const signing = made({ authority, profile }, request);
  if (foreign === undefined) await expect(signing).resolves.toBeDefined();
  else
    await expect(signing).rejects.toMatchObject({ code: 'PKI', message: expect.stringMatching(`match ${foreign}$`) });
});

test('a whitelist of fields keeps the others back, and that is said', async () => {
  const { authority } = await root();
  const whitelist = { subject: false, dns: true, ip: false, email: true, uri: true };
  const { certificate, notes } = await made(
    { authority, profile: { ...DEFAULT_PROFILE, whitelist } },
    { CN: 'x', hosts: ['a.example', '10.0.0.1'] },
  );
  expect(readCertificate(certificate)).toMatchObject({ commonName: '', dnsNames: ['a.example'], ipAddresses: [] });
  expect(notes).toEqual([expect.stringContaining('10.0.0.1')]);
});

test('extensions come in Go’s order', async () => {
  const { authority } = await root();
  const profile = profileOf({
    default: {
      usages: ['signing', 'server auth'],
      expiry: '1h',
      ocsp_url: 'http://ocsp',
      crl_url: 'http://crl',
      issuer_urls: ['http://ca'],
      ocsp_no_check: true,
      policies: [{ ID: '1.2.3' }],
    },
  });
  expect([...extensionsOf((await made({ authority, profile })).certificate).keys()]).toEqual([
    EXTENSIONS.keyUsage,
    EXTENSIONS.extendedKeyUsage,
    EXTENSIONS.basicConstraints,
    EXTENSIONS.keyId,
    EXTENSIONS.issuerKeyId,
    EXTENSIONS.access,
    EXTENSIONS.altNames,
    EXTENSIONS.crls,
    EXTENSIONS.policies,
    EXTENSIONS.ocspNoCheck,
  ]);
});

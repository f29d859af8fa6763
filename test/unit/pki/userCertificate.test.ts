import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KbinError } from '../../../src/errors.ts';
import { readCertificate } from '../../../src/pki/certificate.ts';
import { issueCertificate, issuerFrom } from '../../../src/pki/issue.ts';
import { newKeyPair } from '../../../src/pki/keys.ts';
import { checkUser, issueUserCertificate, type UserRequest } from '../../../src/pki/userCertificate.ts';
import { authority, DAY, NOW, openssl, temporaryDirectory, testWithOpenssl } from './samples.ts';

const HOUR = 3_600_000;
const directory = temporaryDirectory();
const caKeys = await newKeyPair('ECDSA-P256');
const caPem = issueCertificate(authority({ days: 10 }), caKeys, { issuer: null, now: NOW });
const issuer = issuerFrom('ca', caPem, caKeys.privateKey);
const keys = await newKeyPair('ECDSA-P256');

const request = (changes: Partial<UserRequest> = {}): UserRequest => ({
  name: 'alice',
  groups: ['dev', 'team:web'],
  lifetimeMilliseconds: 8 * HOUR,
  algorithm: 'ECDSA-P256',
  ...changes,
});
const issue = (changes: Partial<UserRequest> = {}) =>
  issueUserCertificate(request(changes), keys, { issuer, now: NOW });

test('name and groups are the subject, and what is remembered is what the certificate says', () => {
  const { pem, issued } = issue({ groups: ['dev', 'team:web', 'dev'] });
  const { x509, commonName, organizations, dnsNames } = readCertificate(pem);
  expect([commonName, organizations, dnsNames]).toEqual(['alice', ['dev', 'team:web'], []]);
  expect(x509.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
  expect(issued).toEqual({
    name: 'alice',
    groups: ['dev', 'team:web'],
    serial: x509.serialNumber,
    fingerprint: x509.fingerprint256,
    authorityKeyId: readCertificate(caPem).keyId.toString('hex'),
    issuedAt: '2026-11-20T12:00:00.000Z',
    expires: '2026-11-20T20:00:00.000Z',
  });
  expect(JSON.stringify(issued)).not.toContain('KEY');
});

test('it lives to the second as long as it was asked to', () => {
  for (const minutes of [1, 7, 59, 61, 90, 479, 1439, 4321, 10_079]) {
    const { issued } = issue({ lifetimeMilliseconds: minutes * 60_000 });
    expect([minutes, Date.parse(issued.expires)]).toEqual([minutes, NOW + minutes * 60_000]);
  }
});

test('it ends with its authority at the latest', () => {
  const { issued } = issue({ lifetimeMilliseconds: 30 * DAY });
  expect(Date.parse(issued.expires)).toBe(issuer.notAfter);
});

test('an authority that has ended issues nothing', () => {
  expect(() => issueUserCertificate(request(), keys, { issuer, now: NOW + 11 * DAY })).toThrow(
    'client certificate of alice cannot be issued: its authority ca is valid from',
  );
});

testWithOpenssl('openssl verifies it for clients, and not for servers', () => {
  const [ca, own] = [join(directory, 'ca.crt'), join(directory, 'alice.crt')];
  writeFileSync(ca, caPem);
  writeFileSync(own, issue({ groups: ['dev', 'Zürich'] }).pem);
  const verify = (purpose: string) =>
    openssl('verify', '-attime', String(NOW / 1000 + 60), '-purpose', purpose, '-CAfile', ca, own);
  expect(verify('sslclient')).toContain('OK');
  expect(() => verify('sslserver')).toThrow();
  const subject = openssl('x509', '-in', own, '-noout', '-subject', '-nameopt', 'utf8,sep_comma_plus');
  expect(subject.trim()).toBe('subject=O=dev,O=Zürich,CN=alice');
});

const check =
  (name: string, groups: string[] = [], allowMasters = false) =>
  () => {
    checkUser({ name, groups }, { allowMasters });
  };

test.each<[string, string[], string]>([
  ['', [], 'the name of a user is empty'],
  [' alice', [], 'starts or ends with a blank'],
  ['a\nb', [], 'has a character that cannot be seen'],
  ['a\u202eb', [], 'has a character that cannot be seen'],
  ['a'.repeat(65), [], 'is longer than 64 characters'],
  ['alice', [''], 'a group of a user is empty'],
  ['alice', ['g'.repeat(65)], 'a group of a user is longer than 64 characters'],
])('%j in %j cannot be written into a certificate', (name, groups, message) => {
  expect(check(name, groups)).toThrow(message);
});

test('names of Kubernetes itself are refused, whatever is allowed', () => {
  expect(check('system:kube-scheduler', [], true)).toThrow('is a name of Kubernetes itself');
  expect(check('system:node:worker-1', ['system:nodes'])).toThrow('is a name of Kubernetes itself');
  expect(check('my-system:thing')).not.toThrow();
});

test('system:masters is refused with the reason, unless it is allowed', () => {
  const refused = check('alice', ['dev', 'system:masters']);
  expect(refused).toThrow('bypasses RBAC, and only a rotation of the CA takes it back');
  try {
    refused();
  } catch (error) {
    expect((error as KbinError).code).toBe('REFUSED');
    expect((error as KbinError).hint).toContain('--allow-masters');
  }
  expect(check('alice', ['system:masters'], true)).not.toThrow();
});

test('names as people and programs have them are fine', () => {
  for (const name of ['alice', 'Jane Doe', 'jane@example.com', 'oidc:jane', '007', 'é'.repeat(64), '𝒜'.repeat(64)]) {
    expect(check(name, ['team:web', 'system:serviceaccounts'])).not.toThrow();
  }
});

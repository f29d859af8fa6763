import type { CertSpec, StoredCertificate } from '../../../src/model/pki.ts';
import { daysLeft, issueReason } from '../../../src/pki/expiry.ts';
import { authority, DAY, leaf, NOW, storedLeaf } from './samples.ts';

const issuer = storedLeaf({ name: 'ca', isAuthority: true, keyId: 'aa', notAfter: NOW + 3000 * DAY });

interface Case {
  spec?: Partial<CertSpec>;
  stored?: Partial<StoredCertificate>;
  issuer?: Partial<StoredCertificate>;
  renewWithinDays?: number;
  reason: string | null;
}

const cases: Record<string, Case> = {
  'what matches in everything': { reason: null },
  'another order of names': { stored: { ipAddresses: ['fd00::31', '10.0.0.31'] }, reason: null },
  'a shorter validity in the inventory': { spec: { days: 7 }, reason: 'validity of 365 days becomes 7' },
  'a longer validity in the inventory': { spec: { days: 400 }, reason: 'validity of 365 days becomes 400' },
  'what was backdated': { stored: { notBefore: NOW - 100 * DAY - 300_000 }, reason: null },
  'a longer validity that its authority cuts short': {
    spec: { days: 3650 },
    issuer: { notAfter: NOW + 265 * DAY },
    reason: null,
  },
  'a shorter validity, where its authority cut it short': {
    spec: { days: 90 },
    issuer: { notAfter: NOW + 265 * DAY },
    reason: 'validity of 365 days becomes 90',
  },
  'a validity that somebody else chose': { spec: { days: 7 }, issuer: { isKeyOutside: true }, reason: null },
  'a name that somebody else added': {
    stored: { dnsNames: ['worker-1', 'w1.example.com'], ipAddresses: ['10.0.0.31', 'fd00::31', '10.0.0.99'] },
    issuer: { isKeyOutside: true },
    reason: null,
  },
  'a name that kbin added': {
    stored: { dnsNames: ['worker-1', 'w1.example.com'] },
    reason: 'names change: -w1.example.com',
  },
  'a name that somebody else left out': {
    stored: { dnsNames: [] },
    issuer: { isKeyOutside: true },
    reason: 'names change: +worker-1',
  },
  'one that is below its authority through others': {
    stored: { issuerKeyId: 'dd', chainKeyIds: ['ee', 'aa'] },
    reason: null,
  },
  'one that is below another authority': {
    stored: { issuerKeyId: 'dd', chainKeyIds: ['ee'] },
    reason: 'signed by another key than that of ca',
  },
  'another common name': { spec: { commonName: 'x' }, reason: 'common name system:node:worker-1 becomes x' },
  'another organization': {
    stored: { organizations: ['system:masters'] },
    reason: 'organizations change: +system:nodes -system:masters',
  },
  'a new name': { spec: { dnsNames: ['worker-1', 'w1'] }, reason: 'names change: +w1' },
  'a moved host': {
    spec: { ipAddresses: ['10.0.0.99', 'fd00::31'] },
    reason: 'addresses change: +10.0.0.99 -10.0.0.31',
  },
  'a further usage': { spec: { usages: ['server', 'client'] }, reason: 'usages change: +client' },
  'another algorithm': { spec: { algorithm: 'RSA-2048' }, reason: 'key algorithm ECDSA-P256 becomes RSA-2048' },
  'an authority where a leaf belongs': {
    stored: { isAuthority: true },
    reason: 'it is an authority and must not be one',
  },
  'an authority with another key': { issuer: { keyId: 'cc' }, reason: 'signed by another key than that of ca' },
  '31 days left': { spec: { days: 131 }, stored: { notAfter: NOW + 31 * DAY }, reason: null },
  '30 days left': { stored: { notAfter: NOW + 30 * DAY }, reason: 'expires in 30 days' },
  'a day and a half left': { stored: { notAfter: NOW + 1.5 * DAY }, reason: 'expires in 1 day' },
  'its end passed': { stored: { notAfter: NOW - 1 }, reason: 'expired on 2026-11-20' },
  'its end exactly now': { stored: { notAfter: NOW }, reason: 'expired on 2026-11-20' },
  '59 days left of a wish for 60': {
    spec: { days: 159 },
    stored: { notAfter: NOW + 59 * DAY },
    renewWithinDays: 60,
    reason: null,
  },
  '50 days left of a wish for 60': {
    stored: { notAfter: NOW + 50 * DAY },
    renewWithinDays: 60,
    reason: 'expires in 50 days',
  },
  'a week of life, just begun': {
    spec: { days: 7 },
    stored: { notBefore: NOW - 300_000, notAfter: NOW + 7 * DAY },
    reason: null,
  },
  'a week of life, in its last third': {
    stored: { notBefore: NOW - 5 * DAY, notAfter: NOW + 2 * DAY },
    reason: 'expires in 2 days',
  },
  'an end that a new one could not go beyond': {
    stored: { notAfter: NOW + 5 * DAY },
    issuer: { notAfter: NOW + 5 * DAY },
    reason: null,
  },
};

test.each(Object.entries(cases))('%s', (_, { spec, stored, issuer: above, renewWithinDays, reason }) => {
  const question = {
    spec: leaf(spec),
    stored: storedLeaf(stored),
    issuer: { ...issuer, ...above },
    now: NOW,
    ...(renewWithinDays === undefined ? {} : { renewWithinDays }),
  };
  expect(issueReason(question)).toBe(reason);
});

test('what is not there is missing', () => {
  expect(issueReason({ spec: leaf(), stored: undefined, issuer, now: NOW })).toBe('missing');
  expect(issueReason({ spec: authority(), stored: undefined, issuer: undefined, now: NOW })).toBe('missing');
});

test('a leaf whose authority is missing is issued again', () => {
  const question = { spec: leaf(), stored: storedLeaf(), issuer: undefined, now: NOW };
  expect(issueReason(question)).toBe('its authority ca is missing');
});

test('an authority that exists is never issued again, whatever is wrong with it', () => {
  const stored = storedLeaf({ name: 'ca', isAuthority: true, commonName: 'other', notAfter: NOW - DAY });
  expect(issueReason({ spec: authority({ algorithm: 'RSA-4096' }), stored, issuer: undefined, now: NOW })).toBeNull();
});

test.each([
  [NOW + 365 * DAY, 365],
  [NOW + DAY - 1, 0],
  [NOW, 0],
  [NOW - 1, -1],
])('days left until %d are %d', (notAfter, days) => {
  expect(daysLeft({ notAfter }, NOW)).toBe(days);
});

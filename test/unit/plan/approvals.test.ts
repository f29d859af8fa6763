import { expect, test } from '@jest/globals';
import { servingNames, servingNamesFault } from '../../../src/catalog/servingNames.ts';
import type { SeenCertificate } from '../../../src/model/pki.ts';
import type { Renewed } from '../../../src/model/resource.ts';
import { approvalSteps } from '../../../src/plan/approvals.ts';
import { host } from '../desired/inventories.ts';
import { hostFacts, input, stored, without } from './ground.ts';

const DAY = 86_400_000;
const NOW = 1000 * DAY;
const PATH = '/var/lib/kubelet/pki/kubelet-server-current.pem';
const renewed: Renewed = {
  id: `renewed:${PATH}`,
  kind: 'renewed',
  phase: 'node',
  path: PATH,
  unit: 'kubelet.service',
  signers: ['kubelet-signer'],
  approved: { address: '10.0.0.11', allowed: ['cp-1', '10.0.0.11'] },
};
const own: SeenCertificate = {
  ...stored('kubelet-serving'),
  issuer: 'kbin-kubelet-signer',
  fingerprint: 'f',
  algorithm: 'ECDSA-P256',
  dnsNames: ['cp-1'],
  ipAddresses: ['10.0.0.11'],
  issuerKeyId: 'signer-key',
  notBefore: NOW - 100 * DAY,
  notAfter: NOW + 265 * DAY,
};

function stepsOf(certificate: SeenCertificate | undefined, resource: Renewed = renewed) {
  const base = input(hostFacts({ certificates: certificate === undefined ? {} : { [PATH]: certificate } }));
  return approvalSteps({
    ...base,
    resources: [resource],
    local: { ...base.local, certificates: { 'kubelet-signer': stored('kubelet-signer', { keyId: 'signer-key' }) } },
    now: NOW,
  });
}
const whyOf = (certificate: SeenCertificate | undefined): string | undefined => stepsOf(certificate)[0]?.why;

test('a kubelet without its certificate gets an approval, of the API, in its phase', () => {
  expect(stepsOf(undefined)).toEqual([
    { id: 'api/approve:cp-1', host: 'api', phase: 'node', why: 'missing', action: { do: 'approve', kubelet: 'cp-1' } },
  ]);
});

test('one whose certificate will do gets none, nor does what the cluster approves by itself', () => {
  expect(stepsOf(own)).toEqual([]);
  expect(stepsOf(undefined, without(renewed, 'approved'))).toEqual([]);
});

test.each<[string, Partial<SeenCertificate>, string | undefined]>([
  ['an expired one', { notAfter: NOW - DAY }, 'expired on 1972-09-26'],
  ['one of another authority', { issuerKeyId: 'old-key' }, 'signed by another key than kubelet-signer have'],
  [
    'one for an earlier address',
    { ipAddresses: ['10.0.0.9'] },
    'it is for 10.0.0.9 too, which the inventory does not give the host',
  ],
  ['one without the address', { ipAddresses: [] }, 'it is not for 10.0.0.11'],
  ['one with 31 days left', { notAfter: NOW + 31 * DAY, notBefore: NOW - 334 * DAY }, undefined],
  [
    'one with 29 days left, whose kubelet has asked long ago',
    { notAfter: NOW + 29 * DAY, notBefore: NOW - 336 * DAY },
    'expires in 29 days',
  ],
  ['a week’s in the middle', { notAfter: NOW + 3 * DAY, notBefore: NOW - 4 * DAY }, undefined],
  ['a week’s at its end', { notAfter: NOW + DAY / 2, notBefore: NOW - 6.5 * DAY }, 'expires in 0 days'],
])('%s', (_, changed, why) => {
  expect(whyOf({ ...own, ...changed })).toBe(why);
});

test('names that a host may ask for are its own: not loopback, and no address that others have too', () => {
  const hosts = [
    host('A-1', '10.0.0.1', { sshAddress: 'A-1.example.com' }),
    host('b-1', '10.0.0.2', { sshAddress: '127.0.0.1' }),
    host('c-1', '10.0.0.3', { sshAddress: 'jump' }),
    host('c-2', '10.0.0.4', { sshAddress: 'jump' }),
    host('d-1', '10.0.0.5', { sshAddress: '10.0.0.1' }),
  ];
  expect(hosts.map((own) => servingNames({ hosts }, own))).toEqual([
    { address: '10.0.0.1', allowed: ['a-1', '10.0.0.1', 'a-1.example.com'] },
    { address: '10.0.0.2', allowed: ['b-1', '10.0.0.2'] },
    { address: '10.0.0.3', allowed: ['c-1', '10.0.0.3'] },
    { address: '10.0.0.4', allowed: ['c-2', '10.0.0.4'] },
    { address: '10.0.0.5', allowed: ['d-1', '10.0.0.5'] },
  ]);
});

test('a certificate may have fewer names than allowed, but never without the address', () => {
  const names = { address: '10.0.0.1', allowed: ['a', '10.0.0.1', 'a.example.com'] };
  expect(servingNamesFault(names, { dnsNames: [], ipAddresses: ['10.0.0.1'] })).toBeUndefined();
  expect(servingNamesFault(names, { dnsNames: ['a'], ipAddresses: [] })).toBe('is not for 10.0.0.1');
});

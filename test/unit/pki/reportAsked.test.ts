import { expect, test } from '@jest/globals';
import type { SeenCertificate } from '../../../src/model/pki.ts';
import { groundOf } from '../../../src/pki/report/ground.ts';
import { wireRow } from '../../../src/pki/report/wire.ts';
import { DAY, NOW, storedLeaf } from './samples.ts';

const signer = { ...storedLeaf({ name: 'kubelet-signer', keyId: 'signer-key' }), isAuthority: true };
const ground = groundOf({ specs: new Map(), stored: { 'kubelet-signer': signer }, issued: [], now: NOW });
const seen = (issuerKeyId: string): SeenCertificate => ({
  ...storedLeaf({ issuerKeyId, notBefore: NOW - DAY, notAfter: NOW + DAY }),
  issuer: 'somebody',
  fingerprint: 'f',
  algorithm: 'ECDSA-P256',
});
const codesOf = (issuerKeyId: string): string[] =>
  wireRow(ground, 'worker-1', {
    listener: 'kubelet',
    row: 'kubelet-serving',
    signer: 'kubelet-signer',
    address: '127.0.0.1:10250',
    seen: { certificate: seen(issuerKeyId) },
  }).disagreements.map(({ code }) => code);

test('what a kubelet asked for is not missed in the store, but must be signed by the authority for it', () => {
  expect(codesOf('signer-key')).toEqual([]);
  expect(codesOf('other-key')).toEqual(['unknown-issuer']);
});

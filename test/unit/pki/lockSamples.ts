import { Secret } from '../../../src/model/secret.ts';
import { type Audience, type Identity, newIdentity } from '../../../src/pki/age.ts';
import type { Unlock } from '../../../src/pki/lock.ts';
import { authority, leaf } from './samples.ts';

/** An identity with its recipient, for both ends. */
export interface Keys {
  audience: Audience;
  identity: Identity;
  recipient: string;
  text: string;
}

export async function newKeys(): Promise<Keys> {
  const { identity, recipient } = await newIdentity();
  return { audience: { recipients: [recipient] }, identity: { keys: [identity] }, recipient, text: identity.reveal() };
}

/** With scrypt's lowest cost: a real one takes seconds. */
export const passphrase = (text: string): { audience: Audience; identity: Identity } => ({
  audience: { passphrase: new Secret(text), workFactor: 2 },
  identity: { passphrase: new Secret(text) },
});

/** Answers with an identity, and counts how often it was asked. */
export function answering(identity: Identity): Unlock & { asked: () => number } {
  let asked = 0;
  const unlock: Unlock = () => {
    asked += 1;
    return Promise.resolve(identity);
  };
  return Object.assign(unlock, { asked: () => asked });
}

export const refusing: Unlock = () => Promise.reject(new Error('asked'));

/** Every authority, and what each signs. */
export const SIGNER = authority({ name: 'kubelet-signer', ca: 'ca', commonName: 'kbin-kubelet-signer', dnsNames: [] });
export const SPECS = [
  authority(),
  authority({ name: 'etcd-ca', commonName: 'etcd-ca', dnsNames: [] }),
  authority({ name: 'front-proxy-ca', commonName: 'front-proxy-ca', dnsNames: [] }),
  SIGNER,
  leaf(),
  leaf({ name: 'etcd-server@worker-1', ca: 'etcd-ca' }),
];
export const ROOTS = ['ca', 'etcd-ca', 'front-proxy-ca'];

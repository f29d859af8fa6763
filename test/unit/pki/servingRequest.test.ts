import { expect, test } from '@jest/globals';
import { NO_ALT_NAMES, type AltNames } from '../../../src/pki/altNames.ts';
import { certificateRequest, type RequestContents } from '../../../src/pki/csr.ts';
import * as der from '../../../src/pki/der.ts';
import { basicConstraints, subjectAltName } from '../../../src/pki/extensions.ts';
import { newKeyPair, spkiOf } from '../../../src/pki/keys.ts';
import { ATTRIBUTES, nameNode, nameOf } from '../../../src/pki/names.ts';
import { fromPem, toPem } from '../../../src/pki/pem.ts';
import {
  namesAskedFor,
  SERVING_SIGNER,
  servingRefusal,
  type AskedCertificate,
} from '../../../src/pki/servingRequest.ts';
import { signatureOf, signedDer } from '../../../src/pki/signature.ts';
import { host, inventory } from '../desired/inventories.ts';

const site = inventory([
  host('cp-1', '10.0.0.11', { sshAddress: 'cp-1.example.com' }),
  host('worker-1', '10.0.0.21', { roles: ['worker'], sshAddress: '192.0.2.21' }),
  host('jumped-1', '10.0.0.31', { roles: ['worker'], sshAddress: '192.0.2.1' }),
  host('jumped-2', '10.0.0.32', { roles: ['worker'], sshAddress: '192.0.2.1' }),
  host('etcd-1', '10.0.0.41', { roles: ['etcd'] }),
]);
const keys = await newKeyPair('ECDSA-P256');
const subjectOf = (name: string, ...organizations: string[]): RequestContents['subject'] =>
  nameOf([
    ...organizations.map((value) => ({ type: ATTRIBUTES.O, value })),
    { type: ATTRIBUTES.CN, value: `system:node:${name}` },
  ]);
const subject = subjectOf('worker-1', 'system:nodes');
const sans: AltNames = { ...NO_ALT_NAMES, dns: ['worker-1'], ip: ['10.0.0.21'] };
const requestOf = (contents: Partial<RequestContents> = {}): string =>
  certificateRequest({ subject, sans, keys, ...contents });
const named = (names: Partial<AltNames>): string => requestOf({ sans: { ...NO_ALT_NAMES, ...names } });

const right: AskedCertificate = {
  signer: SERVING_SIGNER,
  user: 'system:node:worker-1',
  groups: ['system:nodes', 'system:authenticated'],
  usages: ['digital signature', 'server auth'],
  request: requestOf(),
};
const refusalOf = (changed: Partial<AskedCertificate>): string | undefined =>
  servingRefusal({ ...right, ...changed }, site);

test.each<[string, Partial<AskedCertificate>]>([
  ['what a kubelet asks for', {}],
  ['its usages in another order', { usages: ['server auth', 'digital signature'] }],
  ['those of an RSA key', { usages: ['key encipherment', 'digital signature', 'server auth'] }],
  ['its address alone', { request: named({ ip: ['10.0.0.21'] }) }],
  ['its name alone', { request: named({ dns: ['worker-1'] }) }],
  [
    'the address at which it is reached by SSH',
    { request: named({ dns: ['worker-1'], ip: ['10.0.0.21', '192.0.2.21'] }) },
  ],
])('%s is approved', (_, changed) => {
  expect(refusalOf(changed)).toBeUndefined();
});

test.each<[string, Partial<AskedCertificate>, string]>([
  [
    'another signer',
    { signer: 'kubernetes.io/kube-apiserver-client' },
    'is for the signer kubernetes.io/kube-apiserver-client',
  ],
  ['a user that is no kubelet', { user: 'alice' }, 'was made by alice, which is no kubelet'],
  [
    'a kubelet’s name without its group',
    { groups: ['system:authenticated'] },
    'was made by system:node:worker-1, which is no kubelet',
  ],
  [
    'a host that the inventory does not have',
    { user: 'system:node:worker-9', request: requestOf({ subject: subjectOf('worker-9', 'system:nodes') }) },
    'was made by system:node:worker-9, which is no host of the inventory',
  ],
  [
    'a host that is no node',
    { user: 'system:node:etcd-1', request: requestOf({ subject: subjectOf('etcd-1', 'system:nodes') }) },
    'was made by system:node:etcd-1, which is no node by its roles',
  ],
  ['a client’s usage', { usages: [...right.usages, 'client auth'] }, 'asks for the usage client auth'],
  ['a missing usage', { usages: ['digital signature'] }, 'does not ask for the usage server auth'],
  ['no usages', { usages: [] }, 'does not ask for the usage digital signature, server auth'],
  [
    'what is no request',
    { request: 'x' },
    'cannot be read: it holds no whole PEM block of CERTIFICATE REQUEST or NEW CERTIFICATE REQUEST',
  ],
  [
    'another node’s subject',
    { request: requestOf({ subject: subjectOf('cp-1', 'system:nodes') }) },
    'has another subject than O=system:nodes, CN=system:node:worker-1',
  ],
  [
    'another group',
    { request: requestOf({ subject: subjectOf('worker-1', 'system:masters') }) },
    'has another subject than O=system:nodes, CN=system:node:worker-1',
  ],
  [
    'a second group',
    { request: requestOf({ subject: subjectOf('worker-1', 'system:nodes', 'system:masters') }) },
    'has another subject than O=system:nodes, CN=system:node:worker-1',
  ],
  [
    'no group',
    { request: requestOf({ subject: subjectOf('worker-1') }) },
    'has another subject than O=system:nodes, CN=system:node:worker-1',
  ],
  [
    'another host’s address',
    { request: named({ ip: ['10.0.0.21', '10.0.0.11'] }) },
    'asks for 10.0.0.11, which the inventory does not give the host',
  ],
  [
    'another host’s name',
    { request: named({ dns: ['worker-1', 'cp-1'] }) },
    'asks for cp-1, which the inventory does not give the host',
  ],
  [
    'a name of the API',
    { request: named({ dns: ['kubernetes'] }) },
    'asks for kubernetes, which the inventory does not give the host',
  ],
  ['a wildcard', { request: named({ dns: ['*'] }) }, 'asks for *, which the inventory does not give the host'],
  [
    'loopback',
    { request: named({ ip: ['127.0.0.1'] }) },
    'asks for 127.0.0.1, which the inventory does not give the host',
  ],
  [
    'its address as an IPv6 one',
    { request: named({ ip: ['::ffff:10.0.0.21'] }) },
    'asks for ::ffff:a00:15, which the inventory does not give the host',
  ],
  [
    'a mail address',
    { request: named({ ...sans, email: ['a@b'] }) },
    'asks for a@b, which the inventory does not give the host',
  ],
  [
    'a URI',
    { request: named({ ...sans, uri: ['spiffe://a'] }) },
    'asks for spiffe://a, which the inventory does not give the host',
  ],
  ['no names', { request: named({}) }, 'asks for no name and no address'],
  [
    'an authority',
    { request: requestOf({ authority: {} }) },
    'holds more than a subject, a key and names, or is written in another way',
  ],
])('%s is left', (_, changed, why) => {
  expect(refusalOf(changed)).toBe(why);
});

test('an address that several hosts share for SSH is nobody’s own', () => {
  const asked = {
    ...right,
    user: 'system:node:jumped-1',
    request: requestOf({
      subject: subjectOf('jumped-1', 'system:nodes'),
      sans: { ...NO_ALT_NAMES, ip: ['10.0.0.31', '192.0.2.1'] },
    }),
  };
  expect(servingRefusal(asked, site)).toBe('asks for 192.0.2.1, which the inventory does not give the host');
});

/** A request whose attributes are these, rightly signed. */
function withAttributes(...attributes: der.Node[]): string {
  const body = der.sequence(
    der.integer(Buffer.from([0])),
    nameNode(subject),
    der.verbatim(spkiOf(keys.publicKey)),
    der.tagged(0, attributes),
  );
  return toPem('CERTIFICATE REQUEST', signedDer(body, keys.privateKey, signatureOf(keys.privateKey)));
}
const EXTENSION_REQUEST = der.oid('1.2.840.113549.1.9.14');
const asking = (names: Partial<AltNames>): der.Node =>
  der.sequence(...subjectAltName({ ...NO_ALT_NAMES, ...names }, false));
const own = asking(sans);
const foreign = asking({ dns: ['kubernetes'] });

// Go passes over an attribute that it cannot parse, and takes every other one; the signer reads what Go reads.
test.each<[string, string]>([
  [
    'a second list of extensions',
    withAttributes(der.sequence(EXTENSION_REQUEST, der.set(own)), der.sequence(EXTENSION_REQUEST, der.set(foreign))),
  ],
  [
    'a list that Go passes over before one that it takes',
    withAttributes(
      der.sequence(EXTENSION_REQUEST, der.sequence(own)),
      der.sequence(EXTENSION_REQUEST, der.set(foreign)),
    ),
  ],
  [
    'another extension beside the names',
    withAttributes(
      der.sequence(
        EXTENSION_REQUEST,
        der.set(der.sequence(...subjectAltName(sans, false), basicConstraints(undefined))),
      ),
    ),
  ],
  [
    'a challenge password',
    withAttributes(
      der.sequence(der.oid('1.2.840.113549.1.9.7'), der.set(der.utf8('x'))),
      der.sequence(EXTENSION_REQUEST, der.set(own)),
    ),
  ],
  [
    'critical names',
    withAttributes(der.sequence(EXTENSION_REQUEST, der.set(der.sequence(...subjectAltName(sans, true))))),
  ],
  [
    'a block that only Go would read before it',
    `-----BEGIN CERTIFICATE REQUEST-----\nX: y\n\n${named({ dns: ['kubernetes'] })
      .split('\n')
      .slice(1)
      .join('\n')}${requestOf()}`,
  ],
  ['text before it', `x\n${requestOf()}`],
  ['another label', toPem('NEW CERTIFICATE REQUEST', fromPem(requestOf(), ['CERTIFICATE REQUEST']).der)],
])('%s is left, whatever it would come to', (_, request) => {
  expect(refusalOf({ request })).toMatch(/^holds more than a subject, a key and names|^cannot be read/);
});

test('the request that these are made of would be approved', () => {
  const request = withAttributes(der.sequence(EXTENSION_REQUEST, der.set(own)));
  expect(refusalOf({ request })).toBeUndefined();
});

test('the names of a request can be told, and of what is none there are none', () => {
  expect(namesAskedFor(right)).toEqual(['worker-1', '10.0.0.21']);
  expect(namesAskedFor({ request: 'x' })).toEqual([]);
});

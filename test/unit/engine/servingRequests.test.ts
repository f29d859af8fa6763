import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { kubernetesApi, type Api } from '../../../src/engine/api.ts';
import { askedAnswer, served } from '../../../src/engine/probes/served.ts';
import { approveServing, leftText } from '../../../src/engine/servingRequests.ts';
import type { Inventory, JsonObject } from '../../../src/model/inventory.ts';
import type { Pki } from '../../../src/model/ports.ts';
import { Secret } from '../../../src/model/secret.ts';
import { seenCertificate } from '../../../src/pki/certificate.ts';
import { certificateRequest } from '../../../src/pki/csr.ts';
import { NO_ALT_NAMES } from '../../../src/pki/altNames.ts';
import { issueCertificate, issuerFrom } from '../../../src/pki/issue.ts';
import { newKeyPair, privatePem } from '../../../src/pki/keys.ts';
import { ATTRIBUTES, nameOf } from '../../../src/pki/names.ts';
import { host, inventory } from '../desired/inventories.ts';
import { authority, leaf } from '../pki/samples.ts';
import { FakeApi } from './probes/fakeApi.ts';
import { makeCertificates } from './probes/certificates.ts';
import { World } from './probes/world.ts';

const certificates = makeCertificates();
const hosts = [host('cp-1', '10.0.0.1'), host('worker-1', '10.0.0.2', { roles: ['worker'] })];
const site: Inventory = inventory(hosts, {
  certificates: { ...inventory([]).certificates, kubeletServing: 'kubelet' },
});
const keys = await newKeyPair('ECDSA-P256');
const now = Date.now();
const signerPem = issueCertificate(authority({ name: 'kubelet-signer', commonName: 'kbin-kubelet-signer' }), keys, {
  issuer: null,
  now,
});
const signer = issuerFrom('kubelet-signer', signerPem, keys.privateKey);

let world: World;
let fake: FakeApi;
let api: Api;

beforeEach(async () => {
  world = new World(certificates);
  fake = new FakeApi();
  api = kubernetesApi({ inventory: site, fleet: world.fleet, pki: world.pki, clock: world.clock });
  await world.listen('cp-1', 6443, (asked) =>
    fake.handler({ ...asked, path: asked.path.replace(/\/approval\?/, '?') }),
  );
});
afterEach(() => world.close());

const PLACE = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const requestFor = (name: string, ip: string): string =>
  certificateRequest({
    keys,
    subject: nameOf([
      { type: ATTRIBUTES.O, value: 'system:nodes' },
      { type: ATTRIBUTES.CN, value: `system:node:${name}` },
    ]),
    sans: { ...NO_ALT_NAMES, dns: [name], ip: [ip] },
  });
function pending(name: string, from: string, ip: string, status: JsonObject = {}): void {
  fake.put(`${PLACE}/${name}`, {
    metadata: { name },
    spec: {
      signerName: 'kubernetes.io/kubelet-serving',
      username: `system:node:${from}`,
      groups: ['system:nodes', 'system:authenticated'],
      usages: ['digital signature', 'server auth'],
      request: Buffer.from(requestFor(from, ip)).toString('base64'),
    },
    status,
  });
}
const conditions = (name: string): unknown => fake.get(`${PLACE}/${name}`, 'status', 'conditions');
const APPROVED = [{ type: 'Approved', status: 'True', reason: 'KbinApproved', message: expect.any(String) }];

test('approves what fits the inventory, leaves the rest pending, and passes over what is decided', async () => {
  pending('csr-good', 'worker-1', '10.0.0.2');
  pending('csr-evil', 'worker-1', '10.0.0.1');
  pending('csr-stranger', 'worker-9', '10.0.0.9');
  pending('csr-denied', 'cp-1', '10.0.0.1', { conditions: [{ type: 'Denied', status: 'True' }] });
  pending('csr-signed', 'cp-1', '10.0.0.1', { certificate: 'Zg==' });
  const { approved, left } = await approveServing(api, site);
  expect(approved).toEqual([
    { name: 'csr-good', host: 'worker-1', who: 'system:node:worker-1', names: ['worker-1', '10.0.0.2'] },
  ]);
  expect(left.map(leftText)).toEqual([
    'csr-evil of worker-1 asks for 10.0.0.1, which the inventory does not give the host',
    'csr-stranger of worker-9 was made by system:node:worker-9, which is no host of the inventory',
  ]);
  expect(conditions('csr-good')).toEqual(APPROVED);
  for (const name of ['csr-evil', 'csr-stranger', 'csr-signed']) expect(conditions(name)).toBeUndefined();
  const [list, patch] = fake.asked;
  expect(list?.path).toContain('fieldSelector=spec.signerName%3Dkubernetes.io%2Fkubelet-serving');
  expect(patch).toMatchObject({ method: 'PATCH', client: 'admin' });
  expect(fake.asked.filter(({ method }) => method !== 'GET')).toHaveLength(1);
});

test('looks at the kubelets of the hosts asked for only', async () => {
  pending('csr-a', 'worker-1', '10.0.0.2');
  pending('csr-b', 'cp-1', '10.0.0.1');
  pending('csr-c', 'worker-9', '10.0.0.9');
  const { approved, left } = await approveServing(api, site, new Set(['cp-1']));
  expect([approved.map(({ name }) => name), left]).toEqual([['csr-b'], []]);
  expect(conditions('csr-a')).toBeUndefined();
});

test('a request that is another one by the time of its approval is not approved, at once and without an error', async () => {
  pending('csr-a', 'worker-1', '10.0.0.2');
  fake.instead = ({ method }) => {
    if (method === 'PATCH') pending('csr-a', 'worker-1', '10.0.0.66');
    return undefined;
  };
  expect(await approveServing(api, site)).toEqual({ approved: [], left: [] });
  expect(conditions('csr-a')).toBeUndefined();
  expect(world.clock.pauses).toBe(0);
});

const serving = (changed: Parameters<typeof leaf>[0] = {}, issuer = signer): string =>
  issueCertificate(leaf({ dnsNames: ['worker-1'], ipAddresses: ['10.0.0.2'], ...changed }), keys, { issuer, now });

test.each<[string, string, boolean, RegExp]>([
  ['the right one', serving(), true, /^kubelet serves serial [0-9A-F]+ until \d{4}-/],
  ['one of another authority', certificates.server.cert, false, /which is not signed by kbin-kubelet-signer$/],
  ['one for another address', serving({ ipAddresses: ['10.0.0.9'] }), false, /which is for 10.0.0.9 too, which/],
  ['one without the address', serving({ ipAddresses: [] }), false, /which is not for 10.0.0.2$/],
])('what a kubelet presents is looked at: %s', (_, pem, isRight, text) => {
  const names = { address: '10.0.0.2', allowed: ['worker-1', '10.0.0.2'] };
  const answer = askedAnswer({ name: 'kubelet' }, seenCertificate(pem), { signer: seenCertificate(signerPem), names });
  expect(answer.ok).toBe(isRight);
  expect(answer.text).toMatch(text);
});

const pki = (): Pki => ({
  ...world.pki,
  read: (ref) => (ref.certificate === 'kubelet-signer' ? Promise.resolve(new Secret(signerPem)) : world.pki.read(ref)),
});
const look = () => served({ ...world.context(site), pki: pki() }, 'node', ['worker-1']);

test('the gate approves what a kubelet waits for, and believes it when the kubelet presents it', async () => {
  pending('csr-a', 'worker-1', '10.0.0.2');
  pending('csr-b', 'cp-1', '10.0.0.1');
  expect(await look()).toEqual({ 'worker-1': { ok: false, text: 'kubelet has no certificate yet' } });
  expect([conditions('csr-a'), conditions('csr-b')]).toEqual([APPROVED, undefined]);
  const server = { cert: serving(), key: privatePem(keys.privateKey) };
  await world.listen('worker-1', 10250, () => ({}), { tls: { server } });
  expect(await look()).toMatchObject({ 'worker-1': { ok: true } });
});

test('the gate tells of a request that does not fit', async () => {
  pending('csr-evil', 'worker-1', '10.0.0.1');
  expect(await look()).toEqual({
    'worker-1': {
      ok: false,
      text: 'request csr-evil of worker-1 asks for 10.0.0.1, which the inventory does not give the host',
      hint: expect.stringContaining('kbin certs approve'),
    },
  });
});

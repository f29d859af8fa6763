import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { load } from 'js-yaml';
import { kubernetesApi, type Api } from '../../../src/engine/api.ts';
import { deleteToken, listTokens, newToken, storeToken } from '../../../src/engine/bootstrapTokens.ts';
import type { Asked } from './probes/world.ts';
import { Secret } from '../../../src/model/secret.ts';
import { bootstrapKubeconfig } from '../../../src/pki/bootstrapKubeconfig.ts';
import { host, inventory } from '../desired/inventories.ts';
import { FakeApi } from './probes/fakeApi.ts';
import { makeCertificates } from './probes/certificates.ts';
import { World } from './probes/world.ts';

const certificates = makeCertificates();
const site = inventory([host('cp-1', '10.0.0.1')]);
const EXPIRES = Date.parse('2026-11-21T12:00:00Z');
const PLACE = '/api/v1/namespaces/kube-system/secrets';
let world: World;
let fake: FakeApi;
let api: Api;
beforeEach(async () => {
  world = new World(certificates);
  fake = new FakeApi();
  api = kubernetesApi({ inventory: site, fleet: world.fleet, pki: world.pki, clock: world.clock });
  await world.listen('cp-1', 6443, fake.handler);
});
afterEach(() => world.close());

const text = (encoded: unknown): string => Buffer.from(String(encoded), 'base64').toString();

test('a token is a Secret as Kubernetes wants it, and its text is in a Secret of kbin’s alone', async () => {
  const made = await newToken(api, EXPIRES);
  expect(made.token.reveal()).toMatch(/^[a-z0-9]{6}\.[a-z0-9]{16}$/);
  expect(JSON.stringify(made)).not.toContain(made.token.reveal().slice(7));
  expect(fake.objects.size).toBe(0);
  await storeToken(api, made, 'rack 12');
  const path = `${PLACE}/bootstrap-token-${made.id}`;
  expect(fake.get(path)).toMatchObject({
    kind: 'Secret',
    metadata: { name: `bootstrap-token-${made.id}`, namespace: 'kube-system' },
    type: 'bootstrap.kubernetes.io/token',
  });
  const data = fake.get(path, 'data') as Record<string, string>;
  expect(Object.fromEntries(Object.entries(data).map(([key, value]) => [key, text(value)]))).toEqual({
    'token-id': made.id,
    'token-secret': made.token.reveal().slice(7),
    expiration: '2026-11-21T12:00:00.000Z',
    'usage-bootstrap-authentication': 'true',
    'auth-extra-groups': 'system:bootstrappers:kbin:node',
    description: 'rack 12',
  });
});

test('no token is replaced: an id that is taken is not taken twice', async () => {
  const taken: string[] = [];
  fake.instead = ({ path }: Asked) => {
    if (taken.length > 1) return undefined;
    taken.push(path);
    return { body: {} };
  };
  const { id } = await newToken(api, EXPIRES);
  expect(taken).toHaveLength(2);
  expect(taken).not.toContain(`${PLACE}/bootstrap-token-${id}`);
});

test('listing tells everything but the secret half, the one that ends first at the top', async () => {
  const encoded = (fields: Record<string, string>) =>
    Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, Buffer.from(value).toString('base64')]));
  const secret = { 'token-secret': 'poisonpoisonpois' };
  fake.put(`${PLACE}/bootstrap-token-aaaaaa`, { data: encoded({ 'token-id': 'aaaaaa', ...secret }) });
  fake.put(`${PLACE}/bootstrap-token-bbbbbb`, {
    data: encoded({
      'token-id': 'bbbbbb',
      ...secret,
      expiration: '2026-11-21T12:00:00Z',
      'auth-extra-groups': 'system:bootstrappers:kbin:node,system:bootstrappers:x',
      description: 'rack \x1b[31m12',
    }),
  });
  const tokens = await listTokens(api);
  expect(tokens).toEqual([
    {
      id: 'bbbbbb',
      expires: EXPIRES,
      groups: ['system:bootstrappers:kbin:node', 'system:bootstrappers:x'],
      description: 'rack 12',
    },
    { id: 'aaaaaa', expires: null, groups: [], description: '' },
  ]);
  expect(JSON.stringify(tokens)).not.toContain('poison');
  expect(fake.asked[0]?.path).toContain('fieldSelector=type%3Dbootstrap.kubernetes.io%2Ftoken');
});

test('one is taken back by its id; what is no id, such as a whole token, is refused without being repeated', async () => {
  fake.put(`${PLACE}/bootstrap-token-aaaaaa`, {});
  await deleteToken(api, 'aaaaaa');
  expect(fake.objects.size).toBe(0);
  await expect(deleteToken(api, 'aaaaaa')).rejects.toMatchObject({
    code: 'USAGE',
    message: 'there is no token aaaaaa',
  });
  for (const id of ['aaaaaa.0123456789abcdef', '../../x', '']) {
    await expect(deleteToken(api, id)).rejects.toMatchObject({ code: 'USAGE', message: 'that is no id of a token' });
  }
});

test('the kubeconfig of a token has server, authorities and the token, and is a Secret', () => {
  const parts = { cluster: 'prod', server: 'https://api.example.com:6443', ca: 'PEM\n', token: new Secret('abcdef.x') };
  const made = bootstrapKubeconfig(parts);
  expect(String(made)).toBe('***');
  expect(load(made.reveal())).toEqual({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'prod',
        cluster: { server: parts.server, 'certificate-authority-data': Buffer.from('PEM\n').toString('base64') },
      },
    ],
    users: [{ name: 'kubelet-bootstrap', user: { token: 'abcdef.x' } }],
    contexts: [{ name: 'prod', context: { cluster: 'prod', user: 'kubelet-bootstrap' } }],
    'current-context': 'prod',
  });
});

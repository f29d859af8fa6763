import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { etcdHeads } from '../../../../src/engine/etcdValues.ts';
import { encrypted } from '../../../../src/engine/probes/encrypted.ts';
import type { ProbeContext } from '../../../../src/engine/probes/probe.ts';
import { objectPaths, storedResources, storedText } from '../../../../src/engine/storedObjects.ts';
import type { StoredEncryption } from '../../../../src/model/encryption.ts';
import type { Inventory } from '../../../../src/model/inventory.ts';
import { components, host, inventory } from '../../desired/inventories.ts';
import { makeCertificates } from './certificates.ts';
import { FakeApi } from './fakeApi.ts';
import { World, type Asked, type Handler, type Said } from './world.ts';

const certificates = makeCertificates();
const site = inventory(['cp-1', 'cp-2'].map((name, index) => host(name, `10.0.0.${index + 1}`)));
const KEY = 'key-20261120-120000';
const OLD = 'key-20251120-120000';
const CURRENT = { provider: 'secretbox', resources: ['secrets'], key: KEY, createdAt: 0 } as const;
const own: StoredEncryption = { current: { ...CURRENT, resources: ['secrets'] } };
const rotated: StoredEncryption = { ...own, old: { ...own.current, key: OLD } };

const under = (key: string, provider = 'secretbox'): string => `k8s:enc:${provider}:v1:${key}:\u0001\u0002`;
const PLAIN = 'k8s\u0000\n\u000c\n\u0002v1';

let world: World;
let api: FakeApi;
let values: Map<string, string>;
/** Ranges that were asked for. */
let asked: { limit: number; client: string }[];
beforeEach(async () => {
  world = new World(certificates);
  api = new FakeApi();
  values = new Map();
  asked = [];
  await world.listen('cp-1', 6443, api.handler);
});
afterEach(() => world.close());

const text = (base64: unknown): string => Buffer.from(String(base64), 'base64').toString('latin1');
const base64 = (plain: string): string => Buffer.from(plain, 'latin1').toString('base64');

/** As etcd's gateway answers /v3/kv/range. */
function range({ path, body, client }: Asked): Said {
  if (path !== '/v3/kv/range') throw new Error(`etcd was asked ${path}`);
  const { key, range_end: end, limit } = body as { key: string; range_end: string; limit: string };
  asked.push({ limit: Number(limit), client });
  const found = [...values]
    .filter(([name]) => name >= text(key) && name < text(end))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const page = found.slice(0, Number(limit));
  return {
    body: {
      header: { cluster_id: '777' },
      kvs: page.map(([name, value]) => ({ key: base64(name), value: base64(value) })),
      ...(found.length > page.length ? { more: true } : {}),
    },
  };
}

const contextOf = (encryption: StoredEncryption | null, of: Inventory = site): ProbeContext => ({
  ...world.context(of, ['cp-1']),
  pki: { ...world.pki, encryption: async () => encryption },
});
const found = (encryption: StoredEncryption, of: Inventory = site) => {
  const context = contextOf(encryption, of);
  return storedResources({ ...context, heads: etcdHeads(context) }, encryption);
};
const etcdOn = (name: string, handler: Handler = range, address?: string): Promise<void> =>
  world.listen(name, 2379, handler, address === undefined ? {} : { address });

function put(count: number, value: string, prefix = '/registry/secrets/default/'): void {
  for (let index = 0; index < count; index += 1) values.set(`${prefix}s-${index}`, value);
}

test('every value counts by what it begins with, page after page, and neighbours do not', async () => {
  put(250, under(KEY));
  put(3, under(OLD), '/registry/secrets/kube-system/');
  put(2, PLAIN, '/registry/secrets/kube-public/');
  put(5, PLAIN, '/registry/secretsx/default/');
  put(5, PLAIN, '/registry/secret/default/');
  await etcdOn('cp-1');
  const [secrets] = await found(rotated);
  expect(secrets?.counts).toEqual({ [`secretbox ${KEY}`]: 250, [`secretbox ${OLD}`]: 3, none: 2 });
  expect(secrets?.left).toEqual([
    ...['s-0', 's-1'].map((name) => `kube-public/${name}`),
    ...['s-0', 's-1', 's-2'].map((name) => `kube-system/${name}`),
  ]);
  expect(storedText(secrets!)).toBe(`secrets: 250 under secretbox ${KEY}, 2 not encrypted, 3 under secretbox ${OLD}`);
  expect(asked.length).toBe(3);
  expect(asked[0]?.client).toBe('admin');
});

test('the gate is passed only when nothing is left, and names what is', async () => {
  put(4, under(KEY));
  await etcdOn('cp-1');
  expect(await encrypted(contextOf(rotated))).toEqual({
    'cp-1': { ok: true, text: `secrets: 4 under secretbox ${KEY}` },
  });
  values.set('/registry/secrets/default/late', under(OLD));
  expect((await encrypted(contextOf(rotated)))['cp-1']).toEqual({
    ok: false,
    text: `secrets: 1 under secretbox ${OLD}, 4 under secretbox ${KEY}; not under secretbox ${KEY}: default/late`,
  });
  // A key whose name is the beginning of another one's is another key.
  values.set('/registry/secrets/default/late', under(`${KEY}-2`));
  expect((await encrypted(contextOf(rotated)))['cp-1']?.ok).toBe(false);
  expect((await encrypted(contextOf(null)))['cp-1']?.ok).toBe(false);
});

test('what is encrypted no more must not begin as if it were; what is not covered neither', async () => {
  put(1, under(OLD));
  put(2, PLAIN, '/registry/configmaps/default/');
  await etcdOn('cp-1');
  const none: StoredEncryption = {
    current: { ...own.current, provider: 'none', key: 'identity' },
    old: { ...own.current, resources: ['configmaps', 'secrets'] },
  };
  const [configmaps, secrets] = await found(none);
  expect([configmaps?.wanted, configmaps?.left, secrets?.wanted, secrets?.left]).toEqual([
    'none',
    [],
    'none',
    ['default/s-0'],
  ]);
});

test('where large values make a page too long, fewer are asked for', async () => {
  put(12, under(KEY) + 'x'.repeat(1_400_000));
  await etcdOn('cp-1');
  const [secrets] = await found(own);
  expect(secrets?.counts).toEqual({ [`secretbox ${KEY}`]: 12 });
  expect(asked.map(({ limit }) => limit)).toEqual([100, 5, 5, 5]);
});

test('the next member is asked where one does not answer, and a refusal tells nothing of the values', async () => {
  put(1, under(KEY));
  await etcdOn('cp-2');
  expect((await found(own))[0]?.left).toEqual([]);
  await etcdOn('cp-1', () => ({ status: 401, body: { message: 'etcdserver: user name is empty', value: 'POISON' } }));
  const { ok, text: told = '' } = (await encrypted(contextOf(own)))['cp-1'] ?? {};
  expect([ok, told]).toEqual([false, 'etcd on cp-1 refused /v3/kv/range: 401 etcdserver: user name is empty']);
});

test('no member answers: that is the answer', async () => {
  expect((await encrypted(contextOf(own)))['cp-1']).toMatchObject({
    ok: false,
    text: 'no etcd answers for /registry/secrets/',
  });
});

test('etcd that somebody else runs is asked from a control plane', async () => {
  const external = { endpoints: ['https://127.0.0.1:2379'], caFile: '/ca', certFile: '/crt', keyFile: '/key' };
  put(1, under(KEY));
  await etcdOn('cp-1');
  expect((await found(own, { ...site, etcd: { ...site.etcd, external } }))[0]?.left).toEqual([]);
});

test('an empty prefix proves nothing while the API has objects', async () => {
  await etcdOn('cp-1');
  api.instead = ({ path }) => (path.startsWith('/api/v1/secrets') ? { body: { items: [] } } : undefined);
  expect((await encrypted(contextOf(own)))['cp-1']).toEqual({ ok: true, text: 'secrets: none there' });
  api.instead = ({ path }) => (path.startsWith('/api/v1/secrets') ? { body: { items: [{}] } } : undefined);
  expect((await encrypted(contextOf(own)))['cp-1']).toMatchObject({
    ok: false,
    text: expect.stringContaining('etcd has nothing below /registry/secrets/: nothing can be proved'),
  });
});

test('another prefix of the API servers is where it is looked', async () => {
  const args = { 'etcd-prefix': 'prod/' };
  const other = inventory([host('cp-1', '10.0.0.1', { components: components({ 'kube-apiserver': { args } }) })]);
  put(2, under(KEY), '/prod/secrets/default/');
  await etcdOn('cp-1');
  expect((await found(own, other))[0]?.counts).toEqual({ [`secretbox ${KEY}`]: 2 });
});

test.each([
  ['configmaps', '/registry/configmaps/', 'ns/a', '/api/v1/namespaces/ns/configmaps/a'],
  ['services', '/registry/services/specs/', 'ns/a', '/api/v1/namespaces/ns/services/a'],
  ['nodes', '/registry/minions/', 'a', '/api/v1/nodes/a'],
  ['deployments.apps', '/registry/deployments/', 'ns/a', '/apis/apps/v1/namespaces/ns/deployments/a'],
  ['ingresses.networking.k8s.io', '/registry/ingress/', 'ns/a', '/apis/networking.k8s.io/v1/namespaces/ns/ingresses/a'],
  [
    'apiservices.apiregistration.k8s.io',
    '/registry/apiregistration.k8s.io/apiservices/',
    'a',
    '/apis/apiregistration.k8s.io/v1/apiservices/a',
  ],
  ['vaults.example.com', '/registry/example.com/vaults/', 'ns/a', '/apis/example.com/v2beta1/namespaces/ns/vaults/a'],
])('%s are below %s', async (resource, prefix, name, path) => {
  const definition = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/vaults.example.com';
  api.instead = (question) => {
    if (question.path === definition) return { body: { kind: 'CustomResourceDefinition' } };
    const [, group] = /^\/apis\/([^/]+)$/.exec(question.path) ?? [];
    const version = group === 'example.com' ? 'v2beta1' : 'v1';
    return group === undefined ? undefined : { body: { preferredVersion: { groupVersion: `${group}/${version}` } } };
  };
  values.set(`${prefix}${name}`, PLAIN);
  await etcdOn('cp-1');
  const encryption = { current: { ...own.current, resources: [resource] } };
  expect((await found(encryption))[0]).toMatchObject({ resource, left: [name] });
  expect(await objectPaths(contextOf(own).api, resource, [name])).toEqual([path]);
});

test('objects of an API that is gone are told', async () => {
  values.set('/registry/example.com/vaults/ns/a', PLAIN);
  await expect(objectPaths(contextOf(own).api, 'vaults.example.com', ['ns/a'])).rejects.toMatchObject({
    code: 'STEP',
    message: 'etcd has objects of vaults.example.com, but no API server knows its group',
  });
});

import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { kubernetesApi, observeApi, type Api } from '../../../src/engine/api.ts';
import { apiPath, objectPath } from '../../../src/engine/apiPaths.ts';
import type { KbinError } from '../../../src/errors.ts';
import type { ApiObject } from '../../../src/model/resource.ts';
import { host, inventory } from '../desired/inventories.ts';
import { FakeApi } from './probes/fakeApi.ts';
import { makeCertificates } from './probes/certificates.ts';
import { World } from './probes/world.ts';

const certificates = makeCertificates();
const site = inventory([
  host('cp-1', '10.0.0.1'),
  host('cp-2', '10.0.0.2'),
  host('worker-1', '10.0.0.3', { roles: ['worker'] }),
]);
let world: World;
let fake: FakeApi;
let api: Api;

beforeEach(() => {
  world = new World(certificates);
  fake = new FakeApi();
  api = kubernetesApi({ inventory: site, fleet: world.fleet, pki: world.pki, clock: world.clock });
});
afterEach(() => world.close());

const serve = (...hosts: string[]): Promise<unknown> =>
  Promise.all(hosts.map((name) => world.listen(name, 6443, fake.handler)));

const configMap: ApiObject = {
  id: 'api:ConfigMap/kube-system/x',
  phase: 'addons',
  resource: 'configmaps',
  object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x', namespace: 'kube-system' }, data: { a: '1' } },
};
const binding: ApiObject = {
  id: 'api:ClusterRoleBinding//kubeadm:cluster-admins',
  phase: 'bootstrap',
  resource: 'clusterrolebindings',
  bootstrap: true,
  object: {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'kubeadm:cluster-admins' },
  },
};

const CONFIG_MAP_PATH = '/api/v1/namespaces/kube-system/configmaps/x';
const BINDING_PATH = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/kubeadm%3Acluster-admins';
const NODE_PATH = '/api/v1/nodes/cp-1';

test('paths follow from apiVersion, plural, namespace and name', () => {
  expect(objectPath(configMap)).toBe(CONFIG_MAP_PATH);
  expect(objectPath(binding)).toBe(BINDING_PATH);
  expect(apiPath({ apiVersion: 'v1', resource: 'nodes' })).toBe('/api/v1/nodes');
});

test('reads as admin with the name kubernetes, and gives body, status and the server’s time', async () => {
  await serve('cp-1');
  fake.put(CONFIG_MAP_PATH, { kind: 'ConfigMap' });
  const answer = await api.get(CONFIG_MAP_PATH);
  expect(answer).toMatchObject({ status: 200, host: 'cp-1', serverTime: fake.time, body: { kind: 'ConfigMap' } });
  expect(fake.asked.map(({ client }) => client)).toEqual(['admin']);
});

test('reads as super-admin only where admin is not bound to its role yet', async () => {
  await serve('cp-1');
  fake.put(CONFIG_MAP_PATH, { kind: 'ConfigMap' });
  fake.instead = ({ client }) => (client === 'admin' ? { status: 403, body: {} } : undefined);
  expect((await api.get(CONFIG_MAP_PATH)).status).toBe(200);
  expect(fake.asked.map(({ client }) => client)).toEqual(['admin', 'super-admin']);
});

test('tries the next control plane when one does not answer, stays with it, and asks no worker', async () => {
  await serve('cp-2', 'worker-1');
  world.lost.add('cp-1');
  expect((await api.get('/version')).host).toBe('cp-2');
  world.lost.clear();
  expect((await api.get('/version')).host).toBe('cp-2');
});

test('does not ask hosts that have failed', async () => {
  await serve('cp-1', 'cp-2');
  const rest = kubernetesApi(
    { inventory: site, fleet: world.fleet, pki: world.pki, clock: world.clock },
    new Set(['cp-1']),
  );
  expect((await rest.get('/version')).host).toBe('cp-2');
});

test('says of each control plane why it does not answer', async () => {
  world.lost.add('cp-2');
  await expect(api.get('/version')).rejects.toMatchObject({
    code: 'CONNECT',
    message: 'no kube-apiserver answers GET /version',
    evidence: ['cp-1: connection refused', 'cp-2: cp-2: no route to host'],
  });
});

test('follows the pages of a list', async () => {
  await serve('cp-1');
  fake.instead = ({ path }) =>
    path.includes('continue=a%2Fb')
      ? { body: { items: [{ n: 2 }], metadata: {} } }
      : { body: { items: [{ n: 1 }], metadata: { continue: 'a/b' } } };
  expect((await api.list('/api/v1/nodes?labelSelector=x')).items).toEqual([{ n: 1 }, { n: 2 }]);
  expect(fake.asked.map(({ path }) => path)).toEqual([
    '/api/v1/nodes?labelSelector=x&limit=250',
    '/api/v1/nodes?labelSelector=x&limit=250&continue=a%2Fb',
  ]);
});

test('applies as field manager kbin, by force, and bootstrap objects as super-admin', async () => {
  await serve('cp-1');
  await api.serverSideApply(configMap);
  await api.serverSideApply(binding);
  expect(
    fake.asked.map(({ method, path, client, headers }) => [method, path, client, headers['content-type']]),
  ).toEqual([
    ['PATCH', `${CONFIG_MAP_PATH}?fieldManager=kbin&force=true`, 'admin', 'application/apply-patch+yaml'],
    ['PATCH', `${BINDING_PATH}?fieldManager=kbin&force=true`, 'super-admin', 'application/apply-patch+yaml'],
  ]);
  expect(fake.asked[0]?.body).toEqual(configMap.object);
});

test('repeats an apply while the refusal may pass, and while no apiserver answers', async () => {
  const refusals = [403, 404, 409, 429, 500, 503];
  fake.instead = () => {
    const status = refusals.shift();
    return status === undefined ? undefined : { status, body: { message: 'not yet' } };
  };
  world.clock.onPause = (pauses) => {
    if (pauses === 1) void serve('cp-1');
  };
  expect(await api.serverSideApply(configMap)).toMatchObject({ kind: 'ConfigMap' });
  expect(refusals).toEqual([]);
});

test.each([
  [422, 1, 0],
  [400, 1, 0],
  [500, 21, 5],
  [403, 121, 30],
])('gives up on %i after %i attempts and %i seconds, with what the API said', async (status, attempts, seconds) => {
  await serve('cp-1');
  fake.instead = () => ({ status, body: { message: 'spec.x: Invalid value\u001b[31m' } });
  const before = world.clock.now();
  await expect(api.serverSideApply(configMap)).rejects.toMatchObject({
    code: 'STEP',
    message: `kube-apiserver on cp-1 refused to apply ConfigMap kube-system/x: ${status} spec.x: Invalid value`,
    host: 'cp-1',
  });
  expect(fake.asked).toHaveLength(attempts);
  expect(world.clock.now() - before).toBe(seconds * 1000);
});

test('gives up when no apiserver answers for 30 seconds', async () => {
  const before = world.clock.now();
  await expect(api.serverSideApply(configMap)).rejects.toMatchObject({ code: 'CONNECT' });
  expect(world.clock.now() - before).toBe(30_000);
});

test('a PKI store that is damaged is not waited for', async () => {
  const pki = { ...world.pki, read: () => Promise.reject(Object.assign(new Error('damaged'), { code: 'PKI' })) };
  const broken = kubernetesApi({ inventory: site, fleet: world.fleet, pki, clock: world.clock });
  await expect(broken.serverSideApply(configMap)).rejects.toThrow('damaged');
  expect(world.clock.pauses).toBe(0);
});

test('removes in the background, and is content with what is not there', async () => {
  await serve('cp-1');
  fake.put(CONFIG_MAP_PATH, {});
  await api.remove(CONFIG_MAP_PATH);
  await api.remove(CONFIG_MAP_PATH);
  expect(fake.objects.size).toBe(0);
  expect(fake.asked[0]?.path).toBe(`${CONFIG_MAP_PATH}?propagationPolicy=Background`);
});

test('sets labels and taints of a Node, then has nothing to write', async () => {
  await serve('cp-1');
  fake.put(NODE_PATH, { metadata: { name: 'cp-1', labels: { foreign: 'yes' } } });
  const settings = { host: 'cp-1', labels: { zone: 'a' }, taints: [{ key: 't', effect: 'NoSchedule' }] };
  await api.applyNodeSettings(settings);
  expect(fake.get(NODE_PATH, 'metadata', 'labels')).toEqual({ foreign: 'yes', zone: 'a' });
  expect(fake.get(NODE_PATH, 'spec', 'taints')).toEqual([{ key: 't', effect: 'NoSchedule' }]);
  await api.applyNodeSettings(settings);
  expect(fake.asked.map(({ method }) => method)).toEqual(['GET', 'PATCH', 'GET']);
});

test('reads a Node again when somebody else changed it in between, and loses no change', async () => {
  await serve('cp-1');
  fake.put(NODE_PATH, { metadata: { name: 'cp-1', labels: {} } });
  let isChanged = false;
  fake.instead = ({ method }) => {
    if (method === 'PATCH' && !isChanged) {
      isChanged = true;
      fake.put(NODE_PATH, {
        metadata: { name: 'cp-1', labels: { theirs: '1' } },
        spec: { taints: [{ key: 'theirs', effect: 'NoExecute' }] },
      });
    }
    return undefined;
  };
  await api.applyNodeSettings({ host: 'cp-1', labels: { zone: 'a' }, taints: [{ key: 't', effect: 'NoSchedule' }] });
  expect(fake.asked.map(({ method }) => method)).toEqual(['GET', 'PATCH', 'GET', 'PATCH']);
  expect(fake.get(NODE_PATH, 'metadata', 'labels')).toEqual({ theirs: '1', zone: 'a' });
  expect(fake.get(NODE_PATH, 'spec', 'taints')).toEqual([
    { key: 'theirs', effect: 'NoExecute' },
    { key: 't', effect: 'NoSchedule' },
  ]);
});

test('a Node that never registers is a refusal that names it', async () => {
  world.clock.pace = 20;
  await serve('cp-1');
  const error = await api.applyNodeSettings({ host: 'cp-1', labels: {}, taints: [] }).then(
    () => undefined,
    (thrown: unknown) => thrown as KbinError,
  );
  expect(error).toMatchObject({ code: 'STEP' });
  expect(error?.message).toContain('to label Node cp-1: 404');
});

const desired = { api: [configMap, binding], nodes: [{ host: 'cp-1', labels: {}, taints: [] }] };
const observe = (hosts = ['cp-1', 'cp-2']): ReturnType<typeof observeApi> =>
  observeApi({ inventory: site, fleet: world.fleet, pki: world.pki, hosts, desired });

test('observes objects, missing ones, and the Nodes of the inventory', async () => {
  await serve('cp-1');
  fake.put(CONFIG_MAP_PATH, { kind: 'ConfigMap', data: { a: '1' } });
  fake.put(NODE_PATH, { metadata: { name: 'cp-1', labels: { a: 'b' } } });
  fake.put('/api/v1/nodes/foreign', { metadata: { name: 'foreign' } });
  const facts = await observe();
  expect(facts?.objects[configMap.id]).toMatchObject({ data: { a: '1' } });
  expect(facts?.objects[binding.id]).toBeNull();
  expect(Object.keys(facts?.nodes ?? {})).toEqual(['cp-1']);
  expect(facts?.nodes['cp-1']).toMatchObject({ labels: { a: 'b' }, taints: [], ready: false });
});

test('observes nothing where nobody is ready', async () => {
  expect(await observe()).toBeNull();
  await serve('cp-1');
  fake.instead = () => ({ status: 500, body: '[-]etcd failed' });
  expect(await observe()).toBeNull();
  expect(await observe([])).toBeNull();
});

test('observes through the apiserver that is ready, not the one that only answers', async () => {
  await world.listen('cp-1', 6443, () => ({ status: 500, body: 'no' }));
  await serve('cp-2');
  expect(await observe()).not.toBeNull();
});

test('a ready apiserver that refuses to show an object is an error, not a missing object', async () => {
  await serve('cp-1');
  fake.instead = ({ path }) => (path.includes('configmaps') ? { status: 500, body: { message: 'boom' } } : undefined);
  await expect(observe()).rejects.toMatchObject({ code: 'STEP' });
});

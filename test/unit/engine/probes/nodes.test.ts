import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { nodesReady } from '../../../../src/engine/probes/nodesReady.ts';
import { nodesRegistered } from '../../../../src/engine/probes/nodesRegistered.ts';
import type { Json, JsonObject } from '../../../../src/model/inventory.ts';
import { host, inventory } from '../../desired/inventories.ts';
import { FakeApi } from './fakeApi.ts';
import { makeCertificates } from './certificates.ts';
import { World } from './world.ts';

const certificates = makeCertificates();
const site = inventory([host('cp-1', '10.0.0.1'), host('worker-1', '10.0.0.2', { roles: ['worker'] })]);
const withoutCni = { ...site, network: { ...site.network, cni: { name: 'none' as const } } };
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
const NODES = '/api/v1/nodes';
let world: World;
let fake: FakeApi;

const node = (name: string, changed: JsonObject = {}): JsonObject => ({
  metadata: { name },
  status: {
    nodeInfo: { kubeletVersion: 'v1.36.2' },
    conditions: [
      { type: 'MemoryPressure', status: 'False' },
      { type: 'Ready', status: 'True' },
    ],
  },
  ...changed,
});

const synced = { body: { nodeEligible: true, status: { IPv4: { healthy: true } } } };

beforeEach(async () => {
  world = new World(certificates);
  fake = new FakeApi();
  await world.listen('cp-1', 6443, fake.handler);
  for (const { name } of site.hosts) {
    fake.put(`${NODES}/${name}`, node(name));
    fake.put(`${LEASES}/${name}`, {
      metadata: { name },
      spec: { renewTime: new Date(fake.time - 9000).toISOString() },
    });
    await world.listen(name, 10248, () => ({ body: 'ok' }), { tls: false });
    await world.listen(name, 10256, () => synced, { tls: false });
  }
});
afterEach(() => world.close());

const lease = (name: string, age: number): void =>
  fake.put(`${LEASES}/${name}`, { spec: { renewTime: new Date(fake.time - age * 1000).toISOString() } });

const ready = async (of = site): Promise<Record<string, string>> => {
  const answers = await nodesReady(world.context(of));
  return Object.fromEntries(
    Object.entries(answers).map(([name, { ok, text }]) => [name, `${ok ? 'ok' : 'no'}: ${text}`]),
  );
};

test('ready: Nodes that are Ready, alive, of the right version', async () => {
  expect(await ready()).toEqual({
    'cp-1': 'ok: kubelet is ok, Ready, kubelet v1.36.2, alive',
    'worker-1': 'ok: kubelet is ok, Ready, kubelet v1.36.2, alive',
  });
});

test.each<[string, JsonObject, string]>([
  [
    'Ready but another version',
    { status: { ...(node('').status as JsonObject), nodeInfo: { kubeletVersion: 'v1.35.6' } } },
    'no: kubelet is v1.35.6, the inventory says v1.36.2',
  ],
  [
    'not Ready',
    {
      status: {
        nodeInfo: { kubeletVersion: 'v1.36.2' },
        conditions: [{ type: 'Ready', status: 'False', message: 'cni plugin not initialized' }],
      },
    },
    'no: not Ready: cni plugin not initialized',
  ],
  ['without conditions', { status: {} }, 'no: its Node has no Ready condition yet'],
  [
    'unreachable',
    { spec: { taints: [{ key: 'node.kubernetes.io/unreachable', effect: 'NoSchedule' }] } },
    'no: tainted node.kubernetes.io/unreachable',
  ],
  [
    'not-ready',
    { spec: { taints: [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }] } },
    'no: tainted node.kubernetes.io/not-ready',
  ],
])('ready: %s', async (_, changed, text) => {
  fake.put(`${NODES}/worker-1`, node('worker-1', changed));
  expect(await ready()).toEqual({ 'cp-1': expect.stringMatching(/^ok/), 'worker-1': text });
});

test('ready: taints of others do not matter', async () => {
  const taints: Json = [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }];
  fake.put(`${NODES}/cp-1`, node('cp-1', { spec: { taints } }));
  expect((await ready())['cp-1']).toMatch(/^ok/);
});

test('ready: a Node whose kubelet died is still Ready for a while, its Lease and its healthz are not', async () => {
  lease('worker-1', 40);
  expect((await ready())['worker-1']).toBe('no: its kubelet has not renewed its Lease for 40 s');
  lease('worker-1', 1);
  world.refuse('worker-1', 10248);
  world.dropConnections();
  expect((await ready())['worker-1']).toBe('no: connection refused on 10248');
});

test('ready: a Node or a Lease that is missing', async () => {
  fake.objects.delete(`${NODES}/worker-1`);
  fake.objects.delete(`${LEASES}/cp-1`);
  expect(await ready()).toEqual({
    'cp-1': 'no: its kubelet has not renewed its Lease for 40 s',
    'worker-1': 'no: its Node does not exist',
  });
});

test('ready: without a CNI readiness is not asked, and says so; version and Lease are', async () => {
  fake.put(`${NODES}/cp-1`, node('cp-1', { status: { nodeInfo: { kubeletVersion: 'v1.36.2' } } }));
  fake.put(`${NODES}/worker-1`, node('worker-1', { status: { nodeInfo: { kubeletVersion: 'v1.34.0' } } }));
  expect(await ready(withoutCni)).toEqual({
    'cp-1': 'ok: kubelet is ok, kubelet v1.36.2, alive, readiness is not asked: the inventory says cni: none',
    'worker-1': 'no: kubelet is v1.34.0, the inventory says v1.36.2',
  });
});

test('ready: many Nodes are listed with one request', async () => {
  const names = Array.from({ length: 8 }, (_, index) => `worker-${index + 1}`);
  const large = inventory([
    host('cp-1', '10.0.0.1'),
    ...names.map((name) => host(name, '10.0.0.9', { roles: ['worker'] })),
  ]);
  for (const name of names) {
    fake.put(`${NODES}/${name}`, node(name));
    fake.put(`${LEASES}/${name}`, { metadata: { name }, spec: { renewTime: new Date(fake.time).toISOString() } });
    await world.listen(name, 10248, () => ({ body: 'ok' }), { tls: false });
  }
  const answers = await ready(large);
  expect(Object.values(answers).every((text) => text.startsWith('ok'))).toBe(true);
  expect(fake.asked.map(({ path }) => path).sort()).toEqual([`${NODES}?limit=250`, `${LEASES}?limit=250`].sort());
});

test('ready: an API that refuses is not a missing Node', async () => {
  fake.instead = () => ({ status: 500, body: {} });
  expect((await ready())['cp-1']).toMatch(/^no: kube-apiserver on cp-1 answers 500 for (nodes|leases)$/);
});

test('ready: no API is every host’s answer, and a broken kubelet comes first', async () => {
  world.refuse('cp-1', 6443);
  world.refuse('worker-1', 10248);
  expect(await ready()).toEqual({
    'cp-1': 'no: no kube-apiserver answers GET /api/v1/nodes/cp-1',
    'worker-1': 'no: connection refused on 10248',
  });
});

const registered = async (): Promise<Record<string, string>> => {
  const answers = await nodesRegistered(world.context(site));
  return Object.fromEntries(
    Object.entries(answers).map(([name, { ok, text }]) => [name, `${ok ? 'ok' : 'no'}: ${text}`]),
  );
};

test('registered: kubelet, kube-proxy with rules, and the Node; Ready is not asked', async () => {
  for (const name of ['cp-1', 'worker-1'])
    fake.put(`${NODES}/${name}`, { metadata: { name }, spec: { podCIDR: '10.244.0.0/24' } });
  expect(await registered()).toEqual({
    'cp-1': 'ok: kubelet is ok, kube-proxy is ok, registered',
    'worker-1': 'ok: kubelet is ok, kube-proxy is ok, registered',
  });
});

test.each([
  ['that wrote no rules', { body: { status: {} } }, 'no: kube-proxy has not written its rules yet'],
  ['that answers 200 with garbage', { body: 'ok' }, 'no: kube-proxy has not written its rules yet'],
  ['that is not healthy', { status: 503 }, 'no: kube-proxy answers 503 at /healthz'],
])('registered: a kube-proxy %s', async (_, said, text) => {
  await world.listen('cp-1', 10256, () => said, { tls: false });
  expect((await registered())['cp-1']).toBe(text);
});

test('registered: a Node without its part of the pod network, which flannel needs to start', async () => {
  fake.put(`${NODES}/cp-1`, { metadata: { name: 'cp-1' } });
  expect((await registered())['cp-1']).toBe('no: its Node has no podCIDR yet');
});

test('registered: a Node that does not exist', async () => {
  fake.put(`${NODES}/cp-1`, { metadata: { name: 'cp-1' }, spec: { podCIDR: '10.244.0.0/24' } });
  fake.objects.delete(`${NODES}/worker-1`);
  expect(await registered()).toEqual({
    'cp-1': expect.stringMatching(/^ok/),
    'worker-1': 'no: its Node does not exist yet',
  });
});

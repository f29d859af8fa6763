import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { objectsAt, textAt } from '../../../../src/engine/httpJson.ts';
import { cluster } from '../../../../src/engine/probes/cluster.ts';
import type { Answers } from '../../../../src/engine/probes/probe.ts';
import { spread } from '../../../../src/engine/probes/proofPods.ts';
import type { Inventory, Json, JsonObject } from '../../../../src/model/inventory.ts';
import { host, inventory } from '../../desired/inventories.ts';
import { FakeApi } from './fakeApi.ts';
import { makeCertificates } from './certificates.ts';
import { World } from './world.ts';

const certificates = makeCertificates();
const site = inventory([
  host('cp-1', '10.0.0.1', { roles: ['etcd', 'control-plane'] }),
  host('worker-1', '10.0.0.2', { roles: ['worker'] }),
  host('worker-2', '10.0.0.3', { roles: ['worker'] }),
]);
const NAMESPACES = '/api/v1/namespaces';
const COREDNS = '/apis/apps/v1/namespaces/kube-system/deployments/coredns';
const available = {
  metadata: { generation: 2 },
  status: { observedGeneration: 2, conditions: [{ type: 'Available', status: 'True' }] },
};
let world: World;
let fake: FakeApi;
/** What was applied, in order, without the namespace's random part. */
let applied: { path: string; object: JsonObject }[];
/** status of a pod, by its name. */
let fate: (name: string) => JsonObject;

const running = (ip: string): JsonObject => ({ phase: 'Running', podIP: ip, containerStatuses: [{ ready: true }] });
const wellFated = (name: string): JsonObject =>
  name.startsWith('server') ? running(`10.244.${name.slice(-1)}.7`) : { phase: 'Succeeded' };

beforeEach(async () => {
  world = new World(certificates);
  fake = new FakeApi();
  applied = [];
  fate = wellFated;
  fake.put(COREDNS, available);
  fake.admit = (path, object) => {
    applied.push({ path: path.replace(/kbin-proof-[0-9a-f]{8}/, 'PROOF'), object });
    if (path.endsWith('/services/proof')) return { ...object, spec: { clusterIP: '10.96.7.7' } };
    if (!path.includes('/pods/')) return object;
    return { ...object, status: fate(textAt(object, 'metadata', 'name')) };
  };
  await world.listen('cp-1', 6443, fake.handler);
});
afterEach(() => world.close());

const prove = (of: Inventory = site, hosts?: string[]): Promise<Answers> => cluster(world.context(of, hosts));
const leftNamespaces = (): string[] => [...fake.objects.keys()].filter((path) => path.startsWith(`${NAMESPACES}/kbin`));
const objectsCalled = (part: string): JsonObject[] =>
  applied.filter(({ path }) => path.includes(part)).map(({ object }) => object);

const commandOf = (pod: Json): string[] => objectsAt(pod, 'spec', 'containers')[0]?.['command'] as string[];

test('proves DNS, the next node’s pod and the Service from every node, and leaves nothing behind', async () => {
  expect(await prove()).toEqual({
    'cp-1': { ok: true, text: 'DNS, the next pod and the Service answer its pod' },
    'worker-1': { ok: true, text: 'DNS, the next pod and the Service answer its pod' },
    'worker-2': { ok: true, text: 'DNS, the next pod and the Service answer its pod' },
  });
  expect(applied[0]?.path).toBe(`${NAMESPACES}/PROOF`);
  const checks = objectsCalled('/pods/checker').map((pod) => commandOf(pod).join(' '));
  expect(checks[0]).toContain('check smoke lookup kubernetes.default.svc.cluster.local --timeout 2s');
  expect(checks.map((check) => /http:\/\/10\.244\.\d\.7:8080\//.exec(check)?.[0])).toEqual([
    'http://10.244.1.7:8080/',
    'http://10.244.2.7:8080/',
    'http://10.244.0.7:8080/',
  ]);
  expect(checks[0]).toContain('smoke get http://10.96.7.7/ ');
  expect(checks[0]).toMatch(/smoke get http:\/\/proof\.kbin-proof-[0-9a-f]{8}\.svc\.cluster\.local\/ /);
  expect(leftNamespaces()).toEqual([]);
});

test('pods are pinned, tolerate everything, never pull, and need no right', async () => {
  await prove();
  const pods = objectsCalled('/pods/');
  expect(pods.map((pod) => textAt(pod, 'spec', 'nodeName'))).toEqual([
    ...['cp-1', 'worker-1', 'worker-2'],
    ...['cp-1', 'worker-1', 'worker-2'],
  ]);
  for (const pod of pods) {
    expect(pod).toMatchObject({
      spec: {
        tolerations: [{ operator: 'Exists' }],
        automountServiceAccountToken: false,
        terminationGracePeriodSeconds: 1,
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
        containers: [
          {
            image: site.images.smoke,
            imagePullPolicy: 'Never',
            securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
          },
        ],
      },
    });
  }
  expect(objectsCalled('PROOF')[0]).toMatchObject({
    metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
  });
});

test('on a single node the pod asks its neighbor on the same node', async () => {
  const single = inventory([host('cp-1', '10.0.0.1')]);
  expect(await prove(single)).toEqual({ 'cp-1': { ok: true, text: expect.any(String) } });
  expect(JSON.stringify(objectsCalled('/pods/checker'))).toContain('http://10.244.0.7:8080/');
});

test('asks only hosts that are still in, and only nodes', async () => {
  const mixed = { ...site, hosts: [...site.hosts, host('etcd-1', '10.0.0.9', { roles: ['etcd'] })] };
  expect(Object.keys(await prove(mixed, ['cp-1', 'worker-2', 'etcd-1']))).toEqual(['cp-1', 'worker-2']);
});

test('takes five nodes spread over the cluster', () => {
  const names = Array.from({ length: 41 }, (_, index) => `n${index}`);
  expect(spread(names, 5)).toEqual(['n0', 'n10', 'n20', 'n30', 'n40']);
  expect(spread(['a', 'b'], 5)).toEqual(['a', 'b']);
  expect(spread([], 5)).toEqual([]);
});

test.each<[string, JsonObject | null, string]>([
  ['missing', null, 'there is no CoreDNS'],
  ['not available', { metadata: { generation: 2 }, status: { observedGeneration: 2 } }, 'CoreDNS is not available'],
  ['available before its last change', { ...available, metadata: { generation: 3 } }, 'CoreDNS is not available'],
])('a CoreDNS that is %s is the answer of all, and no pod is made', async (_, deployment, text) => {
  if (deployment === null) fake.objects.delete(COREDNS);
  else fake.put(COREDNS, deployment);
  const answers = await prove();
  expect(Object.values(answers)).toEqual([1, 2, 3].map(() => ({ ok: false, text })));
  expect(applied).toEqual([]);
});

test('without a CNI of kbin’s nothing is proved, and the answer says so', async () => {
  const answers = await prove({ ...site, network: { ...site.network, cni: { name: 'none' } } });
  expect(answers['cp-1']).toEqual({ ok: true, text: 'pods are not proved: the inventory says cni: none' });
  expect(applied).toEqual([]);
});

test('waits for servers that start later', async () => {
  fate = (name) => (name === 'server-1' ? { phase: 'Pending' } : wellFated(name));
  world.clock.onPause = (pauses) => {
    const path = [...fake.objects.keys()].find((place) => place.endsWith('/pods/server-1'));
    if (pauses === 7 && path !== undefined) {
      fake.put(path, { metadata: { name: 'server-1' }, status: running('10.244.1.7') });
    }
  };
  expect(Object.values(await prove()).every((answer) => answer.ok)).toBe(true);
  expect(world.clock.pauses).toBe(7);
});

test('a pod that does not start is told with its reason and the events, and the namespace goes', async () => {
  world.clock.pace = 20;
  const waiting = { reason: 'ContainerCreating' };
  fate = (name) =>
    name === 'server-2'
      ? { phase: 'Pending', containerStatuses: [{ ready: false, state: { waiting } }] }
      : wellFated(name);
  fake.instead = ({ path }) =>
    path.includes('/events')
      ? {
          body: {
            items: [
              { type: 'Normal', reason: 'Pulled', message: 'x', involvedObject: { name: 'server-2' } },
              {
                type: 'Warning',
                reason: 'FailedCreatePodSandBox',
                message: 'no subnet.env\u001b[0m',
                involvedObject: { name: 'server-2' },
              },
              { type: 'Warning', reason: 'Other', message: 'y', involvedObject: { name: 'server-1' } },
            ],
          },
        }
      : undefined;
  const answers = await prove();
  expect(answers['cp-1']).toEqual({ ok: true, text: 'its pod runs' });
  expect(answers['worker-2']).toEqual({
    ok: false,
    text: 'its pod server-2 does not run: ContainerCreating',
    evidence: ['server-2: FailedCreatePodSandBox: no subnet.env'],
  });
  expect(leftNamespaces()).toEqual([]);
  expect(world.clock.monotonic()).toBeLessThan(world.context(site).deadline);
});

test.each<[string, JsonObject, string]>([
  [
    'an image that is not there',
    {
      phase: 'Pending',
      containerStatuses: [{ state: { waiting: { reason: 'ErrImageNeverPull', message: 'smoke is not present' } } }],
    },
    'ErrImageNeverPull (smoke is not present)',
  ],
  ['a full node', { phase: 'Failed', reason: 'OutOfpods', message: 'too many' }, 'OutOfpods (too many)'],
  ['a pod that nobody took', {}, 'not seen'],
])('tells %s', async (_, status, text) => {
  world.clock.pace = 20;
  fate = (name) => (name === 'server-0' ? status : wellFated(name));
  expect((await prove())['cp-1']?.text).toBe(`its pod server-0 does not run: ${text}`);
});

test('a check that fails is told with the log of its pod', async () => {
  fate = (name) => (name === 'checker-0' ? { phase: 'Failed' } : wellFated(name));
  fake.instead = ({ path }) =>
    path.includes('/pods/checker-0/log?tailLines=5')
      ? { body: 'smoke get http://10.244.1.7:8080/ --timeout 2s: smoke: deadline exceeded\n' }
      : undefined;
  const answers = await prove();
  expect(answers['cp-1']).toEqual({
    ok: false,
    text: 'failed: smoke get http://10.244.1.7:8080/ --timeout 2s: smoke: deadline exceeded',
    evidence: ['checker-0: smoke get http://10.244.1.7:8080/ --timeout 2s: smoke: deadline exceeded'],
  });
  expect(answers['worker-1']?.ok).toBe(true);
  expect(leftNamespaces()).toEqual([]);
});

test('a log that cannot be read does not hide the failure', async () => {
  fate = (name) => (name === 'checker-0' ? { phase: 'Failed' } : wellFated(name));
  fake.instead = ({ path }) => (path.includes('/log') ? { status: 500, body: 'dial tcp: refused' } : undefined);
  expect((await prove())['cp-1']).toEqual({
    ok: false,
    text: 'a check failed',
    evidence: ['log of checker-0: 500 dial tcp: refused'],
  });
});

test('the namespace goes also when the API breaks off in the middle', async () => {
  let isBroken = false;
  fake.instead = ({ path, method }) => {
    if (path.includes('/pods/checker')) isBroken = true;
    return isBroken && method !== 'DELETE' ? { status: 422, body: { message: 'no' } } : undefined;
  };
  const answers = await prove();
  expect(answers['cp-1']).toMatchObject({ ok: false, text: expect.stringContaining('refused to apply Pod') });
  expect(leftNamespaces()).toEqual([]);
});

test('a namespace that cannot be removed is a warning, and the proof still counts', async () => {
  fake.instead = ({ method }) => (method === 'DELETE' ? { status: 400, body: { message: 'no' } } : undefined);
  expect(Object.values(await prove()).every((answer) => answer.ok)).toBe(true);
  expect(world.events).toEqual([
    expect.objectContaining({
      type: 'warning',
      message: expect.stringMatching(/^namespace kbin-proof-.* was not removed/),
    }),
  ]);
});

test('namespaces of proofs that were killed are removed after an hour', async () => {
  const aged = (name: string, minutes: number): void =>
    fake.put(`${NAMESPACES}/${name}`, {
      metadata: { name, creationTimestamp: new Date(fake.time - minutes * 60_000).toISOString() },
    });
  aged('kbin-proof-old', 61);
  aged('kbin-proof-young', 59);
  await prove();
  expect(leftNamespaces()).toEqual([`${NAMESPACES}/kbin-proof-young`]);
  expect(fake.asked.map(({ path }) => path)).toContainEqual(`${NAMESPACES}?labelSelector=kbin.dev%2Fproof&limit=250`);
});

test('without a smoke image, every host has to reach every CoreDNS pod and the DNS Service', async () => {
  const without = { ...site, images: { ...site.images, smoke: 'none' } };
  const pods = '/api/v1/namespaces/kube-system/pods';
  for (const [name, podIP] of Object.entries({ 'coredns-1': '10.244.0.5', 'coredns-2': '10.244.1.5' })) {
    fake.put(`${pods}/${name}`, { metadata: { name }, status: { podIP } });
  }
  for (const name of ['cp-1', 'worker-1', 'worker-2']) {
    for (const address of ['10.244.0.5', '10.244.1.5'])
      await world.listen(name, 8181, () => ({ status: 200 }), { address, tls: false });
    if (name !== 'worker-2')
      await world.listen(name, 53, () => 'drop', { address: without.network.dnsAddress, tls: false });
  }
  expect(await prove(without)).toEqual({
    'cp-1': { ok: true, text: 'pod 10.244.0.5 answers, pod 10.244.1.5 answers, the DNS Service answers' },
    'worker-1': expect.objectContaining({ ok: true }),
    'worker-2': expect.objectContaining({ ok: false }),
  });
  expect(applied).toEqual([]);
});

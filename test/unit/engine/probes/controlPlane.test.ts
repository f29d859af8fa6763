import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { apiserver } from '../../../../src/engine/probes/apiserver.ts';
import { balancer } from '../../../../src/engine/probes/balancer.ts';
import { containerd } from '../../../../src/engine/probes/containerd.ts';
import { kubelet } from '../../../../src/engine/probes/kubelet.ts';
import { leases } from '../../../../src/engine/probes/leases.ts';
import { host, inventory } from '../../desired/inventories.ts';
import { FakeApi } from './fakeApi.ts';
import { makeCertificates } from './certificates.ts';
import { World, type Handler, type Said } from './world.ts';

const certificates = makeCertificates();
const site = inventory([host('cp-1', '10.0.0.1')]);
let world: World;
beforeEach(() => {
  world = new World(certificates);
});
afterEach(() => world.close());

const NOT_READY =
  '[+]ping ok\n[-]etcd failed: reason withheld\n[-]poststarthook/rbac/bootstrap-roles failed\nreadyz check failed';

test.each<[string, ReturnType<Handler>, string]>([
  ['200', { body: '[+]ping ok\nreadyz check passed' }, 'ok: ready'],
  [
    '500 with failing checks',
    { status: 500, body: NOT_READY },
    'no: not ready: etcd, poststarthook/rbac/bootstrap-roles',
  ],
  ['a draining one', { status: 500, body: '[-]shutdown failed' }, 'no: not ready: shutdown'],
  ['500 without a word', { status: 500, body: '' }, 'no: /readyz answers 500'],
  ['403 before RBAC', { status: 403, body: {} }, 'no: 403: it has no RBAC rules yet'],
  ['401', { status: 401, body: {} }, 'no: 401: it does not accept our certificate'],
  ['a closed connection', 'drop', 'no: connection closed without an answer on 6443'],
])('kube-apiserver: %s', async (_, said, text) => {
  await world.listen('cp-1', 6443, ({ path, client }) => {
    expect([path, client]).toEqual(['/readyz?verbose', 'admin']);
    return said;
  });
  const answer = (await apiserver(world.context(site)))['cp-1'];
  expect(`${answer?.ok === true ? 'ok' : 'no'}: ${answer?.text ?? ''}`).toBe(text);
});

test('kube-apiserver: another authority on its port', async () => {
  await world.listen('cp-1', 6443, () => ({}), { tls: { server: certificates.stranger } });
  expect(await apiserver(world.context(site))).toEqual({
    'cp-1': { ok: false, text: 'its certificate is of another authority on 6443' },
  });
});

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases';
let fake: FakeApi;

interface Controllers {
  renewed?: number;
  holder?: string;
  healthz?: Said;
  readyz?: Said;
}

/** Both programs and their Leases, renewed so many seconds before the apiserver's now. */
async function startControllers({
  renewed = 3,
  holder = 'cp-1_8a7b',
  healthz = {},
  readyz = {},
}: Controllers): Promise<void> {
  fake = new FakeApi();
  for (const name of ['kube-controller-manager', 'kube-scheduler']) {
    const isScheduler = name === 'kube-scheduler';
    const age = isScheduler ? renewed : 1;
    fake.put(`${LEASES}/${name}`, {
      metadata: { name },
      spec: {
        ...(isScheduler && holder === '' ? {} : { holderIdentity: isScheduler ? holder : 'cp-1_1' }),
        renewTime: new Date(fake.time - age * 1000).toISOString().replace('Z', '000Z'),
      },
    });
  }
  await world.listen('cp-1', 6443, fake.handler);
  await world.listen('cp-1', 10257, ({ path }) => (path === '/healthz' ? healthz : { status: 404 }));
  await world.listen('cp-1', 10259, ({ path }) => (path === '/readyz' ? readyz : { status: 404 }));
}

test('leases: both programs answer and somebody leads', async () => {
  await startControllers({});
  expect((await leases(world.context(site)))['cp-1']).toEqual({
    ok: true,
    text: 'kube-controller-manager is ok, kube-scheduler is ok, kube-controller-manager led by cp-1, kube-scheduler led by cp-1',
  });
});

test.each<[string, Controllers, string]>([
  ['a stale Lease', { renewed: 15 }, 'cp-1 has not renewed the Lease of kube-scheduler for 15 s'],
  ['a Lease without a holder', { holder: '' }, 'nobody holds the Lease of kube-scheduler'],
  [
    'a controller-manager that is not healthy',
    { healthz: { status: 500 } },
    'kube-controller-manager answers 500 at /healthz',
  ],
  ['a scheduler that is not ready', { readyz: { status: 500 } }, 'kube-scheduler answers 500 at /readyz'],
])('leases: %s', async (_, controllers, text) => {
  await startControllers(controllers);
  expect((await leases(world.context(site)))['cp-1']).toEqual({ ok: false, text });
});

test('leases: ages go by the apiserver’s clock, not by the operator’s', async () => {
  await startControllers({ renewed: 14 });
  world.clock.time = fake.time + 3_600_000;
  expect((await leases(world.context(site)))['cp-1']?.ok).toBe(true);
});

test('leases: a renewTime that cannot be read is not fresh', async () => {
  await startControllers({});
  fake.put(`${LEASES}/kube-scheduler`, { spec: { holderIdentity: 'x', renewTime: 'soon' } });
  expect((await leases(world.context(site)))['cp-1']?.ok).toBe(false);
});

test('leases: no Lease, then no API', async () => {
  await startControllers({});
  fake.objects.clear();
  expect((await leases(world.context(site)))['cp-1']?.text).toBe('kube-controller-manager has no Lease yet');
  world.refuse('cp-1', 6443);
  world.dropConnections();
  expect((await leases(world.context(site)))['cp-1']?.text).toContain('no kube-apiserver answers');
});

test('balancer: alive, and the API through it', async () => {
  await world.listen('cp-1', 7444, ({ path }) => ({ status: path === '/alive' ? 200 : 404 }), { tls: false });
  await world.listen('cp-1', 7443, ({ path, client }) => ({
    status: path === '/readyz?verbose' && client === 'admin' ? 200 : 404,
  }));
  expect(await balancer(world.context(site))).toEqual({ 'cp-1': { ok: true, text: 'reaches the API' } });
});

test('balancer: alive without a backend', async () => {
  await world.listen('cp-1', 7444, () => ({}), { tls: false });
  await world.listen('cp-1', 7443, () => 'drop');
  expect((await balancer(world.context(site)))['cp-1']).toEqual({
    ok: false,
    text: 'connection closed without an answer on 7443',
  });
});

test('balancer: a backend that is not ready', async () => {
  await world.listen('cp-1', 7444, () => ({}), { tls: false });
  await world.listen('cp-1', 7443, () => ({ status: 500, body: '[-]etcd failed' }));
  expect((await balancer(world.context(site)))['cp-1']?.text).toBe('the API through the balancer: not ready: etcd');
});

test('balancer: not alive', async () => {
  await world.listen('cp-1', 7444, () => ({ status: 503 }), { tls: false });
  expect((await balancer(world.context(site)))['cp-1']?.text).toBe('balancer answers 503 at /alive');
});

test('kubelet: its healthz', async () => {
  await world.listen('cp-1', 10248, ({ path }) => ({ status: path === '/healthz' ? 200 : 404 }), { tls: false });
  expect((await kubelet(world.context(site)))['cp-1']).toEqual({ ok: true, text: 'kubelet is ok' });
});

const info = (ready: boolean): string =>
  JSON.stringify({
    status: {
      conditions: [
        { type: 'RuntimeReady', status: ready, reason: ready ? '' : 'Broken', message: ready ? '' : 'no runc' },
        { type: 'NetworkReady', status: false, reason: 'NetworkPluginNotReady' },
      ],
    },
  });

test.each<[string, { exitCode?: number; stdout?: string; stderr?: string }, string]>([
  ['ready without a network', { stdout: info(true) }, 'ok: runtime ready'],
  ['not ready', { stdout: info(false) }, 'no: runtime not ready (Broken: no runc)'],
  ['no condition', { stdout: '{}' }, 'no: crictl info names no RuntimeReady condition'],
  ['no JSON', { stdout: 'FATA' }, 'no: crictl info names no RuntimeReady condition'],
  [
    'no socket',
    { exitCode: 1, stderr: 'WARN config\n\u001b[31mFATA connect: no such file\u001b[0m\n' },
    'no: crictl info ended with 1: FATA connect: no such file',
  ],
  ['killed', { exitCode: 124 }, 'no: crictl info ended with 124'],
])('containerd: %s', async (_, output, text) => {
  const scripts: string[] = [];
  world.run = (_host, { script }) => {
    scripts.push(script);
    return output;
  };
  const answer = (await containerd(world.context({ ...site, binDir: '/opt/my bin' })))['cp-1'];
  expect(`${answer?.ok === true ? 'ok' : 'no'}: ${answer?.text ?? ''}`).toBe(text);
  expect(scripts).toEqual([
    `'/opt/my bin/crictl' --timeout 5s --runtime-endpoint unix:///run/containerd/containerd.sock info`,
  ]);
});

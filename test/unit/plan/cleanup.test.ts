import { expect, test } from '@jest/globals';
import { cleanupSteps } from '../../../src/plan/owned.ts';
import { stepsOf } from '../../../src/model/plan.ts';
import { INVENTORIES } from '../../fake/site.ts';
import { hostFacts, input, owned, RESOURCES } from './ground.ts';
import { converged, decided } from './world.ts';

const nothingKept = (): boolean => false;

test('a host that kbin never wrote to has nothing to clean up', () => {
  expect(cleanupSteps(input(hostFacts({ owned: null })), nothingKept)).toEqual([]);
});

test('what is still wanted stays', () => {
  const paths = ['/etc/app.yaml', '/usr/local/bin/app', '/opt/kbin/etcd/v3.6.16/app', '/etc/pki/app'];
  const facts = hostFacts({ owned: owned({ paths, units: ['app.service'] }) });
  expect(cleanupSteps(input(facts, { resources: RESOURCES }), nothingKept)).toEqual([]);
});

test('units stop before their files go, and what is inside goes before what holds it', () => {
  const paths = ['/etc/old', '/etc/old/a', '/etc/old/a/b.yaml', '/etc/systemd/system/old.service'];
  const facts = hostFacts({ owned: owned({ paths, units: ['old.service', 'app.service'] }) });
  const steps = cleanupSteps(input(facts), (path) => path === '/etc/old/a');
  expect(steps.map(({ id }) => id)).toEqual([
    'cp-1/stop:old.service',
    'cp-1/remove:/etc/systemd/system/old.service',
    'cp-1/remove:/etc/old/a/b.yaml',
    'cp-1/remove:/etc/old',
  ]);
  expect(steps.every(({ phase, why }) => phase === 'cleanup' && why === 'no longer in the inventory')).toBe(true);
});

/** What a host of the plan is asked to remove when the inventory wants nothing of it any more. */
async function removed(paths: readonly string[]): Promise<string[]> {
  const { site, facts } = await converged(INVENTORIES.single);
  const solo = facts.hosts['solo']!;
  const own = { ...solo.owned!, paths: [...paths], units: [] };
  const plan = decided(
    site,
    { ...facts, hosts: { solo: { ...solo, owned: own } } },
    {
      desired: { ...site.desired, hosts: { solo: [] } },
    },
  );
  return stepsOf(plan).flatMap(({ action }) => (action.do === 'remove' ? [action.path] : []));
}

test('data, logs, programs and keys of before are never removed by a deploy, however little is in them', async () => {
  const kept = [
    '/var/lib/etcd',
    '/var/lib/etcd/member/wal',
    '/var/lib/kubelet',
    '/var/lib/kube-proxy',
    '/var/lib/containerd',
    '/var/lib/kbin',
    '/var/lib/kbin/owned.json',
    '/var/log/kubernetes',
    '/opt/kbin',
    '/opt/kbin/etcd/v3.6.16/etcd',
    '/etc/kubernetes/pki/.pairs',
    '/etc/etcd/pki/.pairs',
  ];
  expect(await removed([...kept, '/etc/etcd/initial.env', '/usr/local/bin/etcd'])).toEqual([
    '/usr/local/bin/etcd',
    '/etc/etcd/initial.env',
  ]);
});

test('a path is kept for what it is, not for how it begins', async () => {
  expect(await removed(['/var/lib/etcd-old', '/opt/kbinary', '/var/lib/kubelet.conf'])).toEqual([
    '/var/lib/kubelet.conf',
    '/var/lib/etcd-old',
    '/opt/kbinary',
  ]);
});

test('everything that a deploy puts on a host can be taken away again or is meant to stay', async () => {
  const { site, facts } = await converged(INVENTORIES.single);
  const steps = stepsOf(decided(site, facts, { desired: { ...site.desired, hosts: { solo: [] } } }));
  const gone = steps.flatMap(({ action }) => (action.do === 'remove' ? [action.path] : []));
  const left = facts.hosts['solo']!.owned!.paths.filter(
    (path) => !gone.includes(path) && !path.startsWith('/opt/kbin/'),
  );
  expect(left).toEqual([
    '/etc/etcd/pki/.pairs',
    '/etc/kubernetes/pki/.pairs',
    '/opt/kbin',
    '/var/lib/etcd',
    '/var/lib/kubelet',
    '/var/lib/kubelet/pki/kubelet-client-current.pem',
    '/var/log/kubernetes',
  ]);
  expect(steps.filter(({ action }) => action.do === 'stop')).toHaveLength(facts.hosts['solo']!.owned!.units.length);
});

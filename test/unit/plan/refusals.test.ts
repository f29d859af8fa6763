import { beforeAll, expect, test } from '@jest/globals';
import type { Facts, HostFacts } from '../../../src/model/facts.ts';
import { refusals } from '../../../src/plan/refusals.ts';
import { INVENTORIES, planned, Site } from '../../fake/site.ts';
import { without } from './ground.ts';
import { converged, withHosts } from './world.ts';

let site: Site;
let right: Facts;
beforeAll(async () => {
  ({ site, facts: right } = await converged(INVENTORIES.stacked));
});

const changed = (host: string, change: (own: HostFacts) => Partial<HostFacts>, facts: Facts = right): Facts => ({
  ...facts,
  hosts: { ...facts.hosts, [host]: { ...facts.hosts[host]!, ...change(facts.hosts[host]!) } },
});
const found = (facts: Facts, inventory = site.inventory): string[] =>
  refusals({ inventory, facts }).map(({ host, message }) => `${host} ${message}`);
const clusterIs =
  (name: string, id: string) =>
  (own: HostFacts): Partial<HostFacts> => ({ owned: { ...own.owned!, cluster: { name, id } } });
const withStore = (clusterId: string | null): Facts => ({ ...right, local: { ...right.local, clusterId } });

test('a cluster of our own is not refused, deployed or bare', async () => {
  expect(found(right)).toEqual([]);
  const { facts } = await new Site(INVENTORIES.stacked).plan();
  expect(found(facts)).toEqual([]);
});

test('a certificate store without a CA is refused while hosts carry the cluster', () => {
  expect(found(withStore(null))).toEqual(
    ['cp-1', 'cp-2', 'cp-3'].map((host) => expect.stringMatching(`^${host} belongs to cluster prod .* has no CA$`)),
  );
});

test('hosts of another cluster are refused, also to one that is not there yet', () => {
  expect(found(changed('cp-2', clusterIs('other', 'ffff')))).toEqual([
    expect.stringContaining('cp-2 belongs to another cluster: other (ffff), this one is prod'),
  ]);
  const foreign = changed('cp-2', clusterIs('other', 'ffff'), withStore(null));
  expect(found(foreign).filter((message) => message.startsWith('cp-2'))).toEqual([
    expect.stringMatching(/^cp-2 belongs to another cluster: other \(ffff\), this one is prod \(new\)$/),
  ]);
  // The id decides, not the name.
  expect(found(changed('cp-2', clusterIs('prod', 'ffff')))).toHaveLength(1);
});

test('a host whose first run died before there was a CA belongs to nobody yet', () => {
  expect(found(changed('cp-2', clusterIs('prod', '')))).toEqual([]);
});

const withoutData = (own: HostFacts): Partial<HostFacts> => ({
  leftovers: own.leftovers.filter((path) => !path.includes('etcd')),
});

test('a member of a formed cluster that has no data is refused: it may have voted', () => {
  expect(found(changed('cp-3', withoutData))).toEqual([
    expect.stringMatching(/^cp-3 is to be an etcd member, but has no data in .*etcd\/member/),
  ]);
});

test('a member without data is fine before a first apiserver was started', () => {
  const unformed = ['cp-1', 'cp-2', 'cp-3'].reduce(
    (facts, host) =>
      changed(
        host,
        (own) => {
          const apiserver = without(own.units['kube-apiserver.service']!, 'startedWith');
          return { units: { ...own.units, 'kube-apiserver.service': apiserver } };
        },
        facts,
      ),
    changed('cp-3', withoutData),
  );
  expect(found(unformed)).toEqual([]);
});

test('a host that loses the role etcd would keep its vote', () => {
  const four = withHosts(
    "name: 'cp-[1:3]', address: '10.0.0.[11:13]', roles: [control-plane, worker]",
    "name: 'etcd-[1:3]', address: '10.0.0.[21:23]', roles: [etcd]",
  );
  const { inventory } = planned(four);
  const messages = found(right, inventory);
  expect(messages.filter((message) => message.includes('takes the role from it'))).toHaveLength(3);
});

test('an etcd that somebody else runs has its data elsewhere', () => {
  const external = { endpoints: [], caFile: '', certFile: '', keyFile: '' };
  const facts = changed('cp-3', withoutData);
  expect(found(facts, { ...site.inventory, etcd: { ...site.inventory.etcd, external } })).toEqual([]);
});

test('another minor of Kubernetes is refused, another patch is not', () => {
  const versions = (kubernetes: string): typeof site.inventory => ({
    ...site.inventory,
    versions: { ...site.inventory.versions, kubernetes },
  });
  expect(found(right, versions('v1.36.9'))).toEqual([]);
  expect(found(right, versions('v1.35.4'))).toEqual(
    ['cp-1', 'cp-2', 'cp-3'].map((host) => expect.stringMatching(`^${host} runs Kubernetes v1.36.2, .* v1.35.4`)),
  );
});

test('each refusal says what to do', () => {
  for (const { fix } of refusals({ inventory: site.inventory, facts: withStore(null) })) expect(fix).toMatch(/\.$/);
});

test('nothing is deployed in the midst of a restore of etcd', () => {
  expect(found(changed('cp-2', () => ({ restoring: '20261120T130501-a1b2c3-0123456789ab' })))).toEqual([
    'cp-2 is in the midst of a restore of etcd (20261120T130501-a1b2c3-0123456789ab)',
  ]);
});

import { beforeAll, describe, expect, test } from '@jest/globals';
import { PHASE_TABLE } from '../../../src/catalog/phases.ts';
import type { Facts, HostFacts } from '../../../src/model/facts.ts';
import type { CertSpec } from '../../../src/model/pki.ts';
import { stepsOf, type Plan } from '../../../src/model/plan.ts';
import { INVENTORIES, Site } from '../../fake/site.ts';
import { without } from './ground.ts';
import { converged, decided, turns, withHosts } from './world.ts';

let stacked: Site;
let right: Facts;
beforeAll(async () => {
  ({ site: stacked, facts: right } = await converged(INVENTORIES.stacked));
});

const changedHosts = (facts: Facts, names: readonly string[], change: (own: HostFacts) => HostFacts): Facts => ({
  ...facts,
  hosts: Object.fromEntries(
    Object.entries(facts.hosts).map(([name, own]) => [name, names.includes(name) ? change(own) : own]),
  ),
});

/** A unit that was started with something else. */
const stale =
  (unit: string) =>
  (own: HostFacts): HostFacts => ({
    ...own,
    units: { ...own.units, [unit]: { ...own.units[unit]!, startedWith: 'something else' } },
  });

const stopped =
  (unit: string) =>
  (own: HostFacts): HostFacts => ({
    ...own,
    units: { ...own.units, [unit]: { ...own.units[unit]!, active: 'failed' } },
  });

const ALL = ['cp-1', 'cp-2', 'cp-3'];
const afterOf = ({ waves }: Plan): Record<string, string[]> =>
  Object.fromEntries(waves.map(({ id, after }) => [id, after]));

test('what is right needs no waves', () => {
  const plan = decided(stacked, right);
  expect(plan.waves).toEqual([]);
  expect(plan).toMatchObject({ version: 1, cluster: 'prod', inventoryDigest: stacked.inventory.digest });
  expect(plan.clusterId).toMatch(/^[0-9a-f]{16}$/);
  expect(plan.observedAt).toBe(right.observedAt);
});

test('the same facts give the same plan', async () => {
  const facts = changedHosts(right, ALL, stale('etcd.service'));
  expect(JSON.stringify(decided(stacked, facts))).toBe(JSON.stringify(decided(stacked, facts)));
});

describe('a first installation', () => {
  let plan: Plan;
  beforeAll(async () => {
    plan = (await new Site(INVENTORIES.stacked).plan()).plan;
  });

  test('goes wide: one wave a phase, in the order of the phases', () => {
    const order = PHASE_TABLE.map(({ name }) => name);
    const ids = plan.waves.map(({ id }) => id);
    expect(ids).toEqual(order.filter((name) => ids.includes(name)));
    expect(ids).toEqual(order.filter((name) => name !== 'cleanup'));
    const etcd = plan.waves.find(({ id }) => id === 'etcd');
    expect(new Set(etcd?.steps.map(({ host }) => host))).toEqual(new Set(ALL));
  });

  test('waits at each gate for what the next phase stands on', () => {
    expect(afterOf(plan)).toEqual(
      Object.fromEntries(PHASE_TABLE.filter(({ name }) => name !== 'cleanup').map(({ name, after }) => [name, after])),
    );
    for (const wave of plan.waves) {
      expect(wave.gate).toEqual(PHASE_TABLE.find(({ name }) => name === wave.phase)?.gate);
      if (wave.gate !== undefined) expect(wave.hosts).toEqual(ALL);
    }
  });

  test('begins with the certificates, on the operator’s machine', () => {
    expect(plan.waves[0]?.steps.every(({ host, phase }) => host === 'local' && phase === 'certificates')).toBe(true);
    expect(plan.waves[0]?.steps[0]).toMatchObject({ id: 'local/issue:ca', why: 'missing', action: { do: 'issue' } });
    expect(plan.waves[0]?.steps.at(-1)).toMatchObject({ id: 'local/issue-key:sa', action: { do: 'issue-key' } });
  });
});

test('when anything changes every gate is asked, also those of phases without a step', () => {
  const plan = decided(stacked, changedHosts(right, ['cp-2'], stopped('kube-proxy.service')));
  expect(stepsOf(plan).map(({ id }) => id)).toEqual(['cp-2/unit:kube-proxy.service']);
  const gates = PHASE_TABLE.filter(({ gate }) => gate !== undefined).map(({ name }) => name);
  expect(plan.waves.map(({ id }) => id)).toEqual(gates);
  expect(afterOf(plan)).toMatchObject({ etcd: [], runtime: [], apiserver: ['etcd'], addons: ['network'] });
});

describe('a live cluster', () => {
  test('changes one member of etcd at a time, when the others are a quorum without it', () => {
    const plan = decided(stacked, changedHosts(right, ALL, stale('etcd.service')));
    expect(turns(plan, 'etcd')).toEqual(['etcd/before', 'etcd/cp-2', 'etcd/cp-3', 'etcd/cp-1']);
    expect(afterOf(plan)).toMatchObject({
      'etcd/before': [],
      'etcd/cp-2': ['etcd/before'],
      'etcd/cp-3': ['etcd/cp-2'],
      // It leads.
      'etcd/cp-1': ['etcd/cp-3'],
      apiserver: ['etcd/cp-1'],
    });
    const [before, first] = plan.waves.filter(({ phase }) => phase === 'etcd');
    expect(before).toMatchObject({ steps: [], hosts: ['cp-1', 'cp-3'], gate: { probe: 'etcd', need: 'quorum' } });
    expect(first).toMatchObject({ hosts: ALL, gate: { probe: 'etcd', need: 'all' } });
    expect(first?.steps.map(({ host }) => host)).toEqual(['cp-2']);
  });

  /** What these rows are on these hosts has expired, on disk and in the store, and is issued again. */
  function planOfExpired(rows: readonly string[], hosts: readonly string[]): Plan {
    const isExpired = (name: string): boolean => {
      const [row = '', host = ''] = name.split('@');
      return rows.includes(row) && hosts.includes(host);
    };
    const stored = Object.entries(right.local.certificates).map(
      ([name, own]) => [name, isExpired(name) ? { ...own, notAfter: right.observedAt } : own] as const,
    );
    const names = stored.map(([name]) => name).filter(isExpired);
    const facts = { ...right, local: { ...right.local, certificates: Object.fromEntries(stored) } };
    return decided(stacked, facts, {
      issues: names.map((name) => ({ why: 'expired', certificate: { name } as CertSpec })),
    });
  }

  test('puts hosts right all at once when what they cannot serve without has expired', () => {
    const wide = planOfExpired(['etcd-server', 'etcd-peer', 'apiserver', 'scheduler'], ALL);
    expect(turns(wide, 'etcd')).toEqual(['etcd']);
    expect(turns(wide, 'apiserver')).toEqual(['apiserver']);
    expect(turns(wide, 'controllers')).toEqual(['controllers']);
    const one = planOfExpired(['etcd-server'], ['cp-2']);
    expect(turns(one, 'etcd')).toEqual(['etcd']);
    expect(one.waves.find(({ id }) => id === 'etcd')?.steps.map(({ host }) => host)).toEqual(['cp-2']);
  });

  test('takes turns when what has expired keeps nobody from serving', () => {
    const plan = planOfExpired(['front-proxy-client', 'apiserver-kubelet-client'], ALL);
    expect(turns(plan, 'apiserver')).toEqual(['apiserver/cp-1', 'apiserver/cp-2', 'apiserver/cp-3']);
  });

  test('repairs what is down first, and asks all of them before the others take their turns', () => {
    const facts = changedHosts(changedHosts(right, ALL, stale('etcd.service')), ['cp-3'], stopped('etcd.service'));
    const plan = decided(stacked, facts);
    expect(turns(plan, 'etcd')).toEqual(['etcd', 'etcd/cp-2', 'etcd/cp-1']);
    expect(plan.waves.find(({ id }) => id === 'etcd')).toMatchObject({ hosts: ALL, gate: { need: 'all' } });
  });

  test('takes a unit for live that runs, whether kbin has a stamp of it or not', () => {
    const facts = changedHosts(right, ALL, (own) => {
      const etcd = without(own.units['etcd.service']!, 'startedWith');
      return { ...own, units: { ...own.units, 'etcd.service': etcd } };
    });
    expect(turns(decided(stacked, facts), 'etcd')).toEqual(['etcd/before', 'etcd/cp-2', 'etcd/cp-3', 'etcd/cp-1']);
  });

  test('does what interrupts nobody on all hosts at once', () => {
    const facts = changedHosts(right, ALL, (own) => ({
      ...own,
      paths: { ...own.paths, '/var/lib/etcd': { ...own.paths['/var/lib/etcd']!, mode: '0755' } },
    }));
    expect(turns(decided(stacked, facts), 'etcd')).toEqual(['etcd']);
  });

  test('changes twelve nodes ten and two at a time', async () => {
    const text = withHosts(
      'name: cp-1, address: 10.0.0.11, roles: [etcd, control-plane, worker]',
      "name: 'worker-[01:11]', address: '10.0.1.[1:11]', roles: [worker]",
    );
    const { site, facts } = await converged(text);
    const plan = decided(site, changedHosts(facts, Object.keys(facts.hosts), stale('kubelet.service')));
    const waves = plan.waves.filter(({ phase }) => phase === 'node');
    expect(waves.map(({ steps }) => new Set(steps.map(({ host }) => host)).size)).toEqual([10, 2]);
    expect(waves[1]?.after).toEqual([waves[0]?.id]);
    expect(waves.every(({ hosts }) => hosts.length === 12)).toBe(true);
  });

  test('of one member has no quorum to ask for', async () => {
    const { site, facts } = await converged(INVENTORIES.single);
    expect(turns(decided(site, changedHosts(facts, ['solo'], stale('etcd.service'))), 'etcd')).toEqual(['etcd/solo']);
  });
});

test('with a limit only its hosts are changed, and the gates ask all', () => {
  const facts = changedHosts(right, ALL, stale('kubelet.service'));
  const plan = decided(stacked, facts, { limit: new Set(['cp-2']) });
  expect(stepsOf(plan).map(({ host }) => host)).toEqual(['cp-2']);
  expect(plan.waves.every(({ hosts }) => hosts.length === 3)).toBe(true);
});

describe('a host that cannot be reached', () => {
  const unreachable = (facts: Facts, ...names: string[]): Facts => ({
    ...facts,
    hosts: Object.fromEntries(Object.entries(facts.hosts).filter(([name]) => !names.includes(name))),
    unreachable: Object.fromEntries(names.map((name) => [name, { code: 'CONNECT', message: 'gone', evidence: [] }])),
  });

  test('has no step and is asked by no gate', () => {
    const plan = decided(stacked, unreachable(changedHosts(right, ALL, stale('kubelet.service')), 'cp-2'));
    expect(new Set(stepsOf(plan).map(({ host }) => host))).toEqual(new Set(['cp-1', 'cp-3']));
    expect(plan.waves.every(({ hosts }) => hosts.length === 2 && !hosts.includes('cp-2'))).toBe(true);
  });

  test('leaves out a phase that has nobody else; what follows waits for what came before it', async () => {
    const { site, facts } = await converged(INVENTORIES.dedicated);
    const drifted = changedHosts(facts, ['cp-1', 'etcd-1'], (own) => ({
      ...own,
      paths: { ...own.paths, '/opt/kbin': { ...own.paths['/opt/kbin']!, mode: '0700' } },
    }));
    const plan = decided(site, unreachable(drifted, 'etcd-1', 'etcd-2', 'etcd-3'));
    expect(turns(plan, 'etcd')).toEqual([]);
    expect(afterOf(plan)).toMatchObject({ host: [], apiserver: ['host'] });
  });
});

describe('objects of the API', () => {
  const lacking = (id: string): Facts => ({
    ...right,
    api: {
      ...right.api!,
      objects: Object.fromEntries(Object.entries(right.api!.objects).filter(([own]) => own !== id)),
    },
  });

  test('are applied when they are missing or differ', () => {
    const id = Object.keys(right.api!.objects).find((own) => own.includes('coredns') && own.includes('deployments'))!;
    expect(stepsOf(decided(stacked, lacking(id)))).toMatchObject([
      { id: 'api/apply:deployments/kube-system/coredns', host: 'api', phase: 'addons', why: 'missing' },
    ]);
    const object = right.api!.objects[id] as { spec: { replicas: number } };
    const scaled = { ...object, spec: { ...object.spec, replicas: 7 } };
    const differing = { ...right, api: { ...right.api!, objects: { ...right.api!.objects, [id]: scaled } } };
    expect(stepsOf(decided(stacked, differing))).toMatchObject([{ why: 'differs' }]);
  });

  test('are all missing when no kube-apiserver answers', () => {
    const steps = stepsOf(decided(stacked, { ...right, api: null }));
    expect(steps).toHaveLength(stacked.desired.api.length + 3);
    expect(steps.filter(({ why }) => why === 'not registered yet').map(({ id }) => id)).toEqual(
      ALL.map((name) => `api/node:${name}`),
    );
  });

  const node = (changed: Partial<NonNullable<Facts['api']>['nodes'][string]>): Facts => ({
    ...right,
    api: { ...right.api!, nodes: { ...right.api!.nodes, 'cp-2': { ...right.api!.nodes['cp-2']!, ...changed } } },
  });
  const taint = { key: 'a', value: 'b', effect: 'NoSchedule' };

  test.each([
    [
      'a label that is gone',
      () => node({ labels: { 'node-role.kubernetes.io/control-plane': '' } }),
      'label node-role.kubernetes.io/worker is absent',
    ],
    [
      'a label of another value',
      () => node({ labels: { ...right.api!.nodes['cp-2']!.labels, 'node-role.kubernetes.io/worker': 'no' } }),
      'label node-role.kubernetes.io/worker is no',
    ],
    [
      'a label that kbin once gave it',
      () => node({ labels: { ...right.api!.nodes['cp-2']!.labels, old: '1' }, ownLabels: ['old'] }),
      'label old is no longer in the inventory',
    ],
    [
      'a taint that kbin once gave it',
      () => node({ taints: [taint], ownTaints: ['a=b:NoSchedule'] }),
      'taint a=b:NoSchedule is no longer in the inventory',
    ],
  ])('%s is put right on its Node', (_name, facts, why) => {
    expect(stepsOf(decided(stacked, facts()))).toMatchObject([{ id: 'api/node:cp-2', phase: 'addons', why }]);
  });

  test('Nodes outside of a limit, and those of hosts that cannot be reached, are left alone', () => {
    const facts = node({ labels: {} });
    expect(stepsOf(decided(stacked, facts, { limit: new Set(['cp-2']) }))).toMatchObject([{ id: 'api/node:cp-2' }]);
    expect(stepsOf(decided(stacked, facts, { limit: new Set(['cp-1']) }))).toEqual([]);
    const hosts = without(facts.hosts, 'cp-2');
    expect(stepsOf(decided(stacked, { ...facts, hosts }))).toEqual([]);
  });

  test('labels and taints of others stay', () => {
    const foreign = node({ labels: { ...right.api!.nodes['cp-2']!.labels, other: '1' }, taints: [taint] });
    expect(stepsOf(decided(stacked, foreign))).toEqual([]);
  });
});

test('with an etcd that somebody else runs, its gate asks from where it is used', async () => {
  const text = `${withHosts("name: 'cp-[1:2]', address: '10.0.0.[1:2]', roles: [control-plane, worker]")}etcd:
  external: { endpoints: ['https://etcd.example.com:2379'], caFile: /ca, certFile: /crt, keyFile: /key }
`;
  const plan = (await new Site(text).plan()).plan;
  expect(plan.waves.find(({ id }) => id === 'etcd')).toMatchObject({ steps: [], hosts: ['cp-1', 'cp-2'] });
});

import { beforeEach, expect, test } from '@jest/globals';
import { EXIT_CODES, KbinError } from '../../src/errors.ts';
import { ETCD } from './cluster.ts';
import { unconverged } from './converged.ts';
import { file } from './disk.ts';
import { aftermath, FAULT_KINDS, faultsOf, mend, survives } from './faultCase.ts';
import { INVENTORIES, Site, type Outcome } from './site.ts';

const LIMIT = 240_000;

/** Another flag of etcd and of kube-apiserver, and another setting of the kubelet: each restarts its unit. */
const CHANGED = `${INVENTORIES.stacked}
components:
  etcd: { args: { heartbeat-interval: '250' } }
  kube-apiserver: { args: { v: '2' } }
  kubelet: { config: { maxPods: 200 } }
`;

async function running(text: string = INVENTORIES.stacked): Promise<Site> {
  const site = new Site(text);
  const { exitCode, error } = await site.deploy();
  expect([exitCode, error, site.world.broken]).toEqual([0, undefined, []]);
  return site;
}

const wavesOf = ({ events }: Outcome, phase: string): string[] =>
  events.flatMap((event) =>
    event.type === 'wave' && event.phase === phase && event.state === 'started' ? [event.wave] : [],
  );

/** Hosts whose process of a unit is not the one of before. */
function restarted(site: Site, unit: string, before: ReadonlyMap<string, unknown>): string[] {
  return site.world.machines
    .filter(({ name, systemd }) => systemd.states.get(unit)?.ranWith !== before.get(name))
    .map(({ name }) => name);
}

const processes = (site: Site, unit: string): Map<string, unknown> =>
  new Map(site.world.machines.map(({ name, systemd }) => [name, systemd.states.get(unit)?.ranWith]));

let site: Site;
beforeEach(async () => {
  site = await running();
});

test('a change of everything goes one member at a time, each behind its gate', async () => {
  site.rewrite(CHANGED);
  const outcome = await site.deploy();
  expect([outcome.exitCode, site.world.broken]).toEqual([0, []]);
  expect(wavesOf(outcome, 'etcd')).toEqual(['etcd/before', 'etcd/cp-2', 'etcd/cp-3', 'etcd/cp-1']);
  expect(wavesOf(outcome, 'apiserver')).toEqual(['apiserver/cp-1', 'apiserver/cp-2', 'apiserver/cp-3']);
  expect(wavesOf(outcome, 'node')).toEqual(['node/cp-1+cp-2+cp-3']);
  expect(await unconverged(site)).toEqual([]);
  expect(await aftermath(site)).toEqual([]);
});

test('each unit of a change is restarted once, and no other', async () => {
  const before = new Map([ETCD, 'kube-scheduler.service'].map((unit) => [unit, processes(site, unit)]));
  site.rewrite(CHANGED);
  expect((await site.deploy()).exitCode).toBe(0);
  expect(restarted(site, ETCD, before.get(ETCD)!)).toEqual(['cp-1', 'cp-2', 'cp-3']);
  expect(restarted(site, 'kube-scheduler.service', before.get('kube-scheduler.service')!)).toEqual([]);
});

test.each(FAULT_KINDS.map((kind) => [kind.name, kind] as const))(
  'a change of a live cluster, each apply and gate: %s',
  async (_name, kind) => {
    site.rewrite(CHANGED);
    const begin = site.world.operations.length;
    expect((await site.deploy()).exitCode).toBe(0);
    const operations = site.world.operations
      .slice(begin)
      .map((operation) => ({ ...operation, number: operation.number - begin }))
      .filter(({ verb, on }) => verb === 'gate' || (verb === 'apply' && on !== 'cp-2'));
    // In the middle is enough here: the first installation was struck everywhere.
    const middle = { ...kind, after: (pieces: number) => kind.after(pieces).slice(0, 2).slice(-1) };
    const problems: string[] = [];
    for (const fault of faultsOf(middle, operations)) {
      const other = await running();
      other.rewrite(CHANGED);
      problems.push(...(await survives(other, fault)));
    }
    expect(problems).toEqual([]);
  },
  LIMIT,
);

test('with a member of etcd unreachable, no other is restarted: refused', async () => {
  site.rewrite(CHANGED);
  site.world.kill('cp-3');
  const before = processes(site, ETCD);
  const outcome = await site.deploy({ maxFail: 1 });
  expect([outcome.exitCode, String(outcome.error)]).toEqual([
    EXIT_CODES.REFUSED,
    expect.stringContaining('etcd would lose its quorum: cp-2 must restart while cp-3 failed'),
  ]);
  expect(restarted(site, ETCD, before)).toEqual([]);
  mend(site, outcome);
  expect(await aftermath(site)).toEqual([]);
  expect(site.world.broken).toEqual([]);
});

test('a member that dies in its turn ends the turns, whatever may fail', async () => {
  site.rewrite(CHANGED);
  const trial = await running();
  trial.rewrite(CHANGED);
  const begin = trial.world.operations.length;
  await trial.deploy();
  const turn = trial.world.operations.slice(begin).find(({ verb, name }) => verb === 'apply' && name === 'etcd')!;
  expect(turn.on).toBe('cp-2');
  site.world.conductor.fault = { at: turn.number, after: 3, then: 'dead' };
  const before = processes(site, ETCD);
  const outcome = await site.deploy({ maxFail: 1 });
  expect([outcome.exitCode, String(outcome.error)]).toEqual([
    EXIT_CODES.HOSTS,
    expect.stringContaining('etcd would lose its quorum: cp-3 must restart while cp-2 failed'),
  ]);
  expect(restarted(site, ETCD, before)).toEqual([]);
  expect(site.world.machine('cp-2').isDown).toBe(true);
  mend(site, outcome);
  expect(await aftermath(site)).toEqual([]);
  expect(site.world.broken).toEqual([]);
});

test('an etcd that is unwell at the start is not touched', async () => {
  site.rewrite(CHANGED);
  site.world.cluster.walled.add('cp-3');
  const before = processes(site, ETCD);
  const outcome = await site.deploy();
  expect(outcome.exitCode).toBe(EXIT_CODES.GATE);
  expect((outcome.error as KbinError).message).toMatch(/^etcd /);
  expect(restarted(site, ETCD, before)).toEqual([]);
  expect(restarted(site, 'kube-apiserver.service', processes(site, 'kube-apiserver.service'))).toEqual([]);
  site.world.cluster.walled.clear();
  expect(await aftermath(site)).toEqual([]);
});

test('stamps that are lost everywhere restart members one by one all the same', async () => {
  for (const { disk } of site.world.machines) {
    for (const path of disk.below('/var/lib/kbin/started')) disk.remove(path);
  }
  const outcome = await site.deploy();
  expect([outcome.exitCode, site.world.broken]).toEqual([0, []]);
  expect(wavesOf(outcome, 'etcd')).toEqual(['etcd/before', 'etcd/cp-2', 'etcd/cp-3', 'etcd/cp-1']);
  expect(await aftermath(site)).toEqual([]);
});

test('a hand edit that a unit was restarted with is gone from the unit too, wherever kbin dies', async () => {
  const problems: string[] = [];
  for (let after = 1; after < 14; after += 1) {
    const own = await running(INVENTORIES.single);
    const { disk, systemd } = own.world.machine('solo');
    disk.put('/etc/kubernetes/kubelet.yaml', file('by hand'));
    systemd.bounce('kubelet.service');
    own.world.conductor.beforeEach = ({ verb, number }) => {
      if (verb === 'apply') own.world.conductor.fault ??= { at: number, after, then: 'killed' };
    };
    const outcome = await own.deploy();
    own.world.conductor.beforeEach = () => undefined;
    mend(own, outcome);
    problems.push(...(await aftermath(own)).map((what) => `killed after ${after} pieces: ${what}`));
  }
  expect(problems).toEqual([]);
});

test('a host that loses its roles loses its units and files, and keeps data, logs and programs', async () => {
  const four = INVENTORIES.stacked.replace(
    '\n  - { name',
    '\n  - { name: extra, address: 10.0.0.9, roles: [control-plane, worker] }\n  - { name',
  );
  const wider = await running(four);
  const { disk, systemd } = wider.world.machine('extra');
  disk.put('/var/log/kubernetes/audit.log', disk.at('/etc/kubernetes/kubelet.yaml')!);
  wider.rewrite(four.replace('roles: [control-plane, worker]', 'roles: [worker]'));
  const outcome = await wider.deploy();
  expect([outcome.exitCode, outcome.error, wider.world.broken]).toEqual([0, undefined, []]);
  expect(systemd.isAlive('kube-apiserver.service')).toBe(false);
  expect(systemd.isRunning('kubelet.service')).toBe(true);
  expect(disk.at('/etc/systemd/system/kube-apiserver.service')).toBeUndefined();
  expect(disk.at('/usr/local/bin/kube-apiserver')).toBeUndefined();
  expect(disk.below('/etc/kubernetes/pki').filter((path) => path.includes('apiserver'))).toEqual([]);
  for (const kept of [
    '/opt/kbin/kubernetes/v1.36.2/kube-apiserver',
    '/var/log/kubernetes/audit.log',
    '/var/lib/kubelet',
  ]) {
    expect(disk.at(kept)).toBeDefined();
  }
  expect(await aftermath(wider)).toEqual([]);
});

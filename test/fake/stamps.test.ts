import { expect, test } from '@jest/globals';
import { EXIT_CODES } from '../../src/errors.ts';
import { APISERVER } from './cluster.ts';
import { file } from './disk.ts';
import { aftermath, FAULT_KINDS, faultsOf, mend, survives } from './faultCase.ts';
import type { Machine } from './machine.ts';
import type { Operation } from './operations.ts';
import { INVENTORIES, KILLED, Site } from './site.ts';

const LIMIT = 240_000;
const KUBELET = 'kubelet.service';
const CA = '/etc/kubernetes/pki/ca.crt';
const CONFIG = '/etc/kubernetes/kubelet.yaml';
const AUDIT = '/etc/kubernetes/audit-policy.yaml';
const PROGRAM = '/opt/kbin/kubernetes/v1.36.2/kubelet';
const stampOf = (unit: string): string => `/var/lib/kbin/started/${unit}`;

interface HandEdit {
  name: string;
  path: string;
  edit: (machine: Machine) => void;
  /** Restarted by hand as well. */
  units: readonly string[];
}

/** What somebody changed and restarted units with, so that the stamps fit again as soon as it is put right. */
const EDITS: readonly HandEdit[] = [
  { name: 'a file of the unit’s own wave', path: CONFIG, edit: byHand(CONFIG), units: [KUBELET] },
  {
    name: 'a file of an earlier wave',
    path: CA,
    edit: byHand(CA),
    units: ['kube-controller-manager.service', 'kbin-haproxy.service', 'flanneld.service'],
  },
  {
    name: 'a program, which is sent ahead of all waves',
    path: PROGRAM,
    edit: byHand(PROGRAM, '0755'),
    units: [KUBELET],
  },
  {
    name: 'the link of a program',
    path: '/usr/local/bin/kubelet',
    edit: ({ disk }) => disk.put('/usr/local/bin/kubelet', { type: 'link', target: '/usr/sbin/haproxy' }),
    units: [KUBELET],
  },
];

function byHand(path: string, mode = '0644'): HandEdit['edit'] {
  return ({ disk }) => disk.put(path, file('by hand', mode));
}

async function edited({ edit, units }: Pick<HandEdit, 'edit' | 'units'>): Promise<Site> {
  const site = new Site(INVENTORIES.single);
  expect((await site.deploy()).exitCode).toBe(0);
  const machine = site.world.machine('solo');
  edit(machine);
  for (const unit of units) machine.systemd.bounce(unit);
  return site;
}

/** Uploads and applies of the run that puts an edit right, numbered from its begin. */
async function mendingOf(edit: Pick<HandEdit, 'edit' | 'units'>): Promise<Operation[]> {
  const site = await edited(edit);
  const begin = site.world.operations.length;
  expect(await site.deploy()).toMatchObject({ exitCode: 0 });
  return site.world.operations
    .slice(begin)
    .map((operation) => ({ ...operation, number: operation.number - begin }))
    .filter(({ verb }) => verb === 'upload' || verb === 'apply');
}

const everywhere = (pieces: number): number[] => [...Array.from({ length: pieces + 1 }, (_, index) => index), Infinity];

test.each(EDITS)(
  'units that were restarted with what a hand changed run with what is put right, wherever it breaks off: $name',
  async (edit) => {
    const operations = await mendingOf(edit);
    const problems: string[] = [];
    for (const kind of FAULT_KINDS.filter(({ then }) => ['killed', 'lost', 'truncated', 'reboot'].includes(then))) {
      for (const fault of faultsOf({ ...kind, after: everywhere }, operations)) {
        problems.push(...(await survives(await edited(edit), fault)));
      }
    }
    expect(problems).toEqual([]);
  },
  LIMIT,
);

test('a mode that is put right restarts nothing and takes no stamp, wherever kbin is killed', async () => {
  const edit = ({ disk }: Machine): void => {
    for (const path of [CONFIG, CA, PROGRAM]) {
      const entry = disk.at(path);
      if (entry?.type === 'file') disk.put(path, { ...entry, mode: '0777', owner: 'nobody:nogroup' });
    }
  };
  const operations = await mendingOf({ edit, units: [] });
  expect(operations.map(({ verb, name }) => `${verb} ${name}`)).toEqual(['upload kubelet', 'apply host', 'apply node']);
  const killed = FAULT_KINDS.find(({ then }) => then === 'killed')!;
  for (const { at, ...fault } of faultsOf({ ...killed, after: everywhere }, operations)) {
    const site = await edited({ edit, units: [] });
    const { systemd, disk } = site.world.machine('solo');
    const before = [...systemd.states].map(([unit, { ranWith }]) => [unit, ranWith, disk.text(stampOf(unit))] as const);
    site.world.conductor.fault = { ...fault, at: at + site.world.operations.length };
    mend(site, await site.deploy());
    expect(await aftermath(site)).toEqual([]);
    const changed = before.filter(
      ([unit, ranWith, stamp]) => systemd.states.get(unit)?.ranWith !== ranWith || disk.text(stampOf(unit)) !== stamp,
    );
    expect(changed).toEqual([]);
    expect(disk.at(PROGRAM)).toMatchObject({ mode: '0755', owner: 'root:root' });
  }
});

test('an apiserver whose stamp was taken is still known to have run: a member of etcd without data is refused', async () => {
  const edit = { edit: byHand(AUDIT), units: [APISERVER] };
  const apply = (await mendingOf(edit)).find(({ verb, name }) => verb === 'apply' && name === 'apiserver')!;
  const site = await edited(edit);
  const { disk } = site.world.machine('solo');
  for (let after = 1; disk.text(AUDIT) === 'by hand'; after += 1) {
    site.world.conductor.fault = { at: site.world.operations.length + apply.number, after, then: 'killed' };
    const outcome = await site.deploy();
    expect(outcome.exitCode).toBe(KILLED);
    mend(site, outcome);
  }
  expect(disk.text(stampOf(APISERVER))).toBe('unknown\n');
  disk.remove('/var/lib/etcd/member');
  const refused = await site.deploy();
  expect([refused.exitCode, String(refused.error)]).toEqual([
    EXIT_CODES.REFUSED,
    expect.stringContaining('while the cluster is already formed'),
  ]);
});

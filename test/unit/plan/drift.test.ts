import fc from 'fast-check';
import { expect, test } from '@jest/globals';
import { stepsOf } from '../../../src/model/plan.ts';
import type { Resource } from '../../../src/model/resource.ts';
import { unconverged } from '../../fake/converged.ts';
import { file } from '../../fake/disk.ts';
import type { Machine } from '../../fake/machine.ts';
import { INVENTORIES, Site } from '../../fake/site.ts';
import { converged } from './world.ts';

/** What happens to machines behind kbin's back. Directories of data are spared: a member that lost its data is refused. */
const DRIFTS = {
  content: (machine: Machine, path: string) => {
    const entry = machine.disk.behind(path);
    if (entry?.type === 'file')
      machine.disk.put(machine.disk.real(path)!, { ...file('by hand'), mode: entry.mode, owner: entry.owner });
  },
  mode: (machine: Machine, path: string) => {
    const entry = machine.disk.behind(path);
    if (entry !== undefined && entry.type !== 'link')
      machine.disk.put(machine.disk.real(path)!, { ...entry, mode: '0777' });
  },
  owner: (machine: Machine, path: string) => {
    const entry = machine.disk.behind(path);
    if (entry !== undefined && entry.type !== 'link') {
      machine.disk.put(machine.disk.real(path)!, { ...entry, owner: 'nobody:nogroup' });
    }
  },
  deleted: (machine: Machine, path: string) => {
    const real = machine.disk.real(path);
    if (real !== undefined && machine.disk.at(real)?.type === 'file') machine.disk.remove(real);
  },
  relinked: (machine: Machine, path: string) => {
    if (machine.disk.at(path)?.type === 'link') machine.disk.put(path, { type: 'link', target: '/tmp/elsewhere' });
  },
  unlinked: (machine: Machine, path: string) => {
    if (machine.disk.at(path)?.type === 'link') machine.disk.remove(path);
  },
  replaced: (machine: Machine, path: string) => {
    if (machine.disk.at(path)?.type === 'link') machine.disk.put(path, file('a file now'));
  },
  stopped: (machine: Machine, _path: string, unit: string, site: Site) => site.world.halt(machine.name, unit),
  disabled: (machine: Machine, _path: string, unit: string) => {
    machine.systemd.states.get(unit)!.isEnabled = false;
  },
  unstamped: (machine: Machine, _path: string, unit: string) => machine.disk.remove(`/var/lib/kbin/started/${unit}`),
  rebooted: (machine: Machine, _path: string, _unit: string, site: Site) => site.world.reboot(machine.name),
  kernel: (machine: Machine) => {
    machine.modules.delete('overlay');
    machine.sysctls.set('net.ipv4.ip_forward', '0');
    machine.swaps = ['/swapfile'];
  },
  image: (machine: Machine) => machine.images.delete([...machine.images][0]!),
  user: (machine: Machine) => machine.users.delete('etcd'),
} satisfies Record<string, (machine: Machine, path: string, unit: string, site: Site) => unknown>;

const pathsOf = (resource: Resource): string[] => {
  switch (resource.kind) {
    case 'file':
    case 'directory':
      return [resource.path];
    case 'pair':
      return [resource.path, `${resource.path}/tls.crt`, `${resource.path}/tls.key`];
    case 'binary':
      return [resource.path, resource.link];
    default:
      return [];
  }
};

const drift = fc.record({
  kind: fc.constantFrom(...(Object.keys(DRIFTS) as (keyof typeof DRIFTS)[])),
  host: fc.nat(2),
  place: fc.nat(10_000),
});

test('whatever drifted, a plan puts it right and the next one is empty', async () => {
  const { site: base } = await converged(INVENTORIES.stacked);
  const places = base.desired.hosts['cp-1']!.flatMap(pathsOf);
  const units = base.desired.hosts['cp-1']!.flatMap((resource) => (resource.kind === 'unit' ? [resource.name] : []));
  await fc.assert(
    fc.asyncProperty(fc.array(drift, { minLength: 1, maxLength: 6 }), async (drifts) => {
      const { site } = await converged(INVENTORIES.stacked);
      for (const { kind, host, place } of drifts) {
        const machine = site.world.machines[host]!;
        DRIFTS[kind](machine, places[place % places.length]!, units[place % units.length]!, site);
      }
      const outcome = await site.deploy();
      expect([outcome.exitCode, outcome.error]).toEqual([0, undefined]);
      expect(await unconverged(site)).toEqual([]);
      expect(stepsOf((await site.plan()).plan).map(({ id, why }) => `${id}: ${why}`)).toEqual([]);
      expect(site.world.broken).toEqual([]);
    }),
    { numRuns: 60 },
  );
}, 120_000);

test.each(Object.keys(DRIFTS) as (keyof typeof DRIFTS)[])('drift of the kind "%s" is planned for', async (kind) => {
  const { site } = await converged(INVENTORIES.single);
  const machine = site.world.machine('solo');
  const path = ['relinked', 'unlinked', 'replaced'].includes(kind)
    ? '/usr/local/bin/kubelet'
    : '/etc/kubernetes/kubelet.yaml';
  // A reboot brings everything back by itself: what is asked there is that nothing is to do.
  const isHarmless = kind === 'rebooted';
  DRIFTS[kind](machine, path, 'kubelet.service', site);
  expect(stepsOf((await site.plan()).plan).length > 0).toBe(!isHarmless);
});

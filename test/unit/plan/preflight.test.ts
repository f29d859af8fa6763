import { beforeAll, expect, test } from '@jest/globals';
import { MINORS } from '../../../src/catalog/versions.ts';
import type { Facts, HostFacts } from '../../../src/model/facts.ts';
import type { Inventory } from '../../../src/model/inventory.ts';
import type { Finding } from '../../../src/plan/finding.ts';
import { preflight } from '../../../src/plan/preflight.ts';
import { INVENTORIES, Site } from '../../fake/site.ts';
import { without } from './ground.ts';
import { converged } from './world.ts';

const GIBIBYTE = 1024 ** 3;

let site: Site;
let bare: Facts;
beforeAll(async () => {
  site = new Site(INVENTORIES.dedicated);
  ({ facts: bare } = await site.plan());
});

const changed = (host: string, change: Partial<HostFacts>, facts: Facts = bare): Facts => ({
  ...facts,
  hosts: { ...facts.hosts, [host]: { ...facts.hosts[host]!, ...change } },
});

const findings = (facts: Facts, inventory: Partial<Inventory> = {}): Finding[] =>
  preflight({ inventory: { ...site.inventory, ...inventory }, desired: site.desired, facts });

const disk = (change: Partial<HostFacts['disks'][number]>): Partial<HostFacts> => ({
  disks: [
    {
      path: '/var/lib',
      freeBytes: 9 * GIBIBYTE,
      totalBytes: 9 * GIBIBYTE,
      freeInodes: 9000,
      readOnly: false,
      ...change,
    },
  ],
});

test('sound machines have no findings, bare or deployed', async () => {
  expect(findings(bare)).toEqual([]);
  const { site: deployed, facts } = await converged(INVENTORIES.dedicated);
  expect(preflight({ inventory: deployed.inventory, desired: deployed.desired, facts })).toEqual([]);
});

test.each<[string, string, Partial<HostFacts>, string]>([
  ['systemd', 'worker-1', { init: 'init' }, 'init is init, not systemd'],
  ['arch', 'worker-1', { arch: 'arm64' }, 'is arm64, the inventory says amd64'],
  ['cpus', 'cp-1', { cpus: 1 }, '1 CPU, 2 wanted'],
  ['memory', 'cp-1', { memoryMiB: 1024 }, '1024 MiB of memory, 1700 wanted'],
  ['read-only', 'worker-1', disk({ readOnly: true }), '/var/lib is read-only'],
  ['disk', 'worker-1', disk({ freeBytes: 0.2 * GIBIBYTE }), '/var/lib has 204 MiB free, 256 MiB are needed'],
  ['inodes', 'worker-1', disk({ freeInodes: 1999 }), '/var/lib has 1999 inodes free, 2000 are needed'],
  ['programs', 'worker-1', { programs: ['gzip', 'sha256sum', 'systemctl'] }, 'has no tar'],
  [
    'port',
    'worker-1',
    { listening: [{ port: 10250, program: 'k3s' }] },
    'port 10250 is taken by k3s; kubelet.service needs it',
  ],
  [
    'port',
    'etcd-1',
    { listening: [{ port: 2380, program: '' }] },
    'port 2380 is taken by another program; etcd.service needs it',
  ],
  [
    'clock',
    'worker-1',
    { clock: { offsetSeconds: -61.2, uncertaintySeconds: 1 } },
    "clock is -61 s off the operator's, 5 s are allowed",
  ],
  [
    'leftovers',
    'worker-1',
    { leftovers: ['/etc/kubernetes/kubelet.conf', '/var/lib/rancher/k3s'] },
    'holds /etc/kubernetes/kubelet.conf, /var/lib/rancher/k3s of another cluster',
  ],
])('%s on %s is found, with what to do', (id, host, change, message) => {
  expect(findings(changed(host, change))).toEqual([
    { id, severity: 'error', hosts: [host], message, fix: expect.stringMatching(/\.$/) },
  ]);
});

test('what is just enough is enough', () => {
  const clock = { offsetSeconds: -6, uncertaintySeconds: 1 };
  expect(findings(changed('cp-1', { cpus: 2, memoryMiB: 1700, clock }))).toEqual([]);
  expect(findings(changed('worker-1', disk({ freeBytes: 0.25 * GIBIBYTE, freeInodes: 2000 })))).toEqual([]);
});

test('of /opt is asked for what is still to come, unpacked, and half a gigabyte', () => {
  const wanted = site.desired.hosts['worker-1']!.filter(({ kind }) => kind === 'binary' || kind === 'image').length;
  const needed = wanted * 40_000_000 + 0.5 * GIBIBYTE;
  const at = (freeBytes: number): string[] =>
    findings(changed('worker-1', disk({ path: '/opt', freeBytes }))).map(({ message }) => message);
  expect(at(needed)).toEqual([]);
  expect(at(needed - 1)).toEqual([
    `/opt has ${Math.floor((needed - 1) / 1048576)} MiB free, ${Math.floor(needed / 1048576)} MiB are needed`,
  ]);
  // What is there already needs no room any more.
  const there = { type: 'file', mode: '0755', owner: 'root:root' } as const;
  const paths = { ...bare.hosts['worker-1']!.paths, '/opt/kbin/kubernetes/v1.36.2/kubelet': there };
  const images = [site.inventory.images.pause];
  const room = disk({ path: '/opt', freeBytes: needed - 80_000_000 });
  expect(findings(changed('worker-1', { ...room, paths, images }))).toEqual([]);
  expect(findings(changed('worker-1', { ...room, paths }))).toHaveLength(1);
  expect(findings(changed('worker-1', { ...room, images }))).toHaveLength(1);
});

test('a filesystem without a fixed inode table does not run out of inodes', () => {
  expect(findings(changed('worker-1', disk({ freeInodes: Number.MAX_SAFE_INTEGER })))).toEqual([]);
});

test('a package that the host should have is named', () => {
  const paths = without(bare.hosts['worker-1']!.paths, '/usr/sbin/nft');
  expect(findings(changed('worker-1', { paths }))).toMatchObject([
    { id: 'programs', message: 'has no /usr/sbin/nft', fix: 'Install the package nftables.' },
  ]);
});

test('the size is asked of control planes only', () => {
  expect(findings(changed('worker-1', { cpus: 1, memoryMiB: 200 }))).toEqual([]);
});

test('the clock is judged by what is certain', () => {
  expect(findings(changed('worker-1', { clock: { offsetSeconds: 6, uncertaintySeconds: 1.1 } }))).toEqual([]);
  expect(findings(changed('worker-1', { clock: { offsetSeconds: 6, uncertaintySeconds: 0.9 } }))).toHaveLength(1);
});

test('ports are those that the inventory chooses', () => {
  const taken = (port: number, inventory: Partial<Inventory>): string[] =>
    findings(changed('cp-1', { listening: [{ port, program: 'nginx' }] }), inventory).map(({ message }) => message);
  expect(taken(6443, {})).toEqual(['port 6443 is taken by nginx; kube-apiserver.service needs it']);
  expect(taken(6443, { apiPort: 8443 })).toEqual([]);
  expect(taken(8443, { apiPort: 8443 })).toEqual(['port 8443 is taken by nginx; kube-apiserver.service needs it']);
  expect(taken(6444, {})).toEqual(['port 6444 is taken by nginx; kbin-haproxy.service needs it']);
  expect(taken(6445, {})).toEqual(['port 6445 is taken by nginx; kbin-haproxy.service needs it']);
  expect(taken(6445, { balancerPort: 7443 })).toEqual([]);
  expect(taken(7444, { balancerPort: 7443 })).toEqual(['port 7444 is taken by nginx; kbin-haproxy.service needs it']);
  expect(taken(2379, {})).toEqual([]);
});

test.each([
  ['active', []],
  ['activating', []],
  ['reloading', []],
  ['inactive', ['port 2380 is taken by etcd; etcd.service needs it']],
  ['failed', ['port 2380 is taken by etcd; etcd.service needs it']],
])('a unit that is %s: its port is its own only while it runs or starts', (active, expected) => {
  const units = { 'etcd.service': { load: 'loaded', active, sub: '', enabled: true, restarts: 0 } };
  const facts = changed('etcd-1', { units, listening: [{ port: 2380, program: 'etcd' }] });
  expect(findings(facts).map(({ message }) => message)).toEqual(expected);
});

test('leftovers of kbin’s own are none', () => {
  const owned = { version: 1, cluster: { name: 'prod', id: 'x' }, host: 'worker-1', paths: [], units: [] } as const;
  const leftovers = ['/etc/kubernetes/kubelet.conf'];
  expect(findings(changed('worker-1', { leftovers, owned: { ...owned, paths: [], units: [] } }))).toEqual([]);
  expect(findings(changed('worker-1', { leftovers: ['/srv/unknown'] }))).toEqual([]);
});

test.each<[string, 'error' | 'warning', Partial<HostFacts>]>([
  ['duplicate-hostname', 'error', { hostname: 'worker-2' }],
  ['duplicate-machine-id', 'error', { machineId: '#worker-2' }],
  ['duplicate-product-uuid', 'warning', { productUuid: '#worker-2' }],
  ['duplicate-mac', 'error', { macs: ['52:54:00:ff:ff:ff', '#worker-2'] }],
])('%s: clones are found, and both named', (id, severity, change) => {
  const { machineId, productUuid, macs } = bare.hosts['worker-2']!;
  const values = { machineId, productUuid, macs: macs[0]! };
  const [key] = Object.keys(change) as (keyof typeof values)[];
  const text = JSON.stringify(change).replace('#worker-2', values[key!]);
  const resolved = JSON.parse(text) as Partial<HostFacts>;
  expect(findings(changed('worker-1', resolved))).toMatchObject([{ id, severity, hosts: ['worker-1', 'worker-2'] }]);
});

test('machines that tell no identity are not taken for one', () => {
  const nameless = Object.keys(bare.hosts).reduce(
    (facts, host) => changed(host, { productUuid: '', machineId: '', macs: [] }, facts),
    bare,
  );
  expect(findings(nameless)).toEqual([]);
});

test('what the cache lacks is told once, with the hosts that need it', () => {
  const cache = bare.local.cache.filter(({ name }) => name !== 'kube-proxy');
  expect(findings({ ...bare, local: { ...bare.local, cache } })).toEqual([
    {
      id: 'cache',
      severity: 'error',
      hosts: ['cp-1', 'worker-1', 'worker-2'],
      message: `the cache has no kubernetes ${site.inventory.versions.kubernetes} amd64 kube-proxy`,
      fix: expect.stringContaining('kbin cache import'),
    },
  ]);
  expect(MINORS.map(({ minor }) => `v${minor}`)).toContain(
    site.inventory.versions.kubernetes.split('.').slice(0, 2).join('.'),
  );
});

test('all hosts’ faults come at once, in the inventory’s order, errors before warnings', () => {
  const facts = ['worker-2', 'cp-1', 'etcd-1'].reduce(
    (all, host) => changed(host, { init: 'runit', productUuid: 'same' }, all),
    bare,
  );
  expect(findings(facts).map(({ id, hosts }) => `${id} ${hosts.join(' ')}`)).toEqual([
    'systemd etcd-1',
    'systemd cp-1',
    'systemd worker-2',
    'duplicate-product-uuid etcd-1 cp-1 worker-2',
  ]);
});

test('a fault of the whole cluster comes before a warning about hosts', () => {
  const clones = changed('worker-1', { productUuid: bare.hosts['worker-2']!.productUuid });
  const cache = bare.local.cache.filter(({ name }) => name !== 'runc');
  expect(findings({ ...clones, local: { ...bare.local, cache } }).map(({ id }) => id)).toEqual([
    'cache',
    'duplicate-product-uuid',
  ]);
});

test('what preflight.ignore names is left out, and nothing else', () => {
  const facts = changed('worker-1', { arch: 'arm64', init: 'runit' });
  const ignoring = (...ignore: string[]): string[] =>
    findings(facts, { preflight: { ...site.inventory.preflight, ignore } }).map(({ id }) => id);
  expect(ignoring()).toEqual(['systemd', 'arch']);
  expect(ignoring('arch')).toEqual(['systemd']);
  expect(ignoring('systemd', 'arch')).toEqual([]);
});

test('a host that was not observed has no findings', () => {
  const hosts = without(changed('worker-1', { init: 'runit' }).hosts, 'worker-1');
  expect(findings({ ...bare, hosts })).toEqual([]);
});

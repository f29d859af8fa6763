import { createHash } from 'node:crypto';
import { PLACES } from '../../src/catalog/places.ts';
import { KNOWN_PROGRAMS } from '../../src/catalog/requirements.ts';
import type { HostFacts, Owned } from '../../src/model/facts.ts';
import type { Host } from '../../src/model/inventory.ts';
import type { ObserveInput } from '../../src/remote/observe.ts';
import { Disk, file } from './disk.ts';
import { Systemd, type Surroundings } from './systemd.ts';

const DIRECTORIES = [
  ...['/etc', '/etc/systemd', PLACES.units, '/etc/sysctl.d', '/etc/modules-load.d', '/opt', '/run', '/var', '/var/lib'],
  ...['/var/log', '/usr', '/usr/bin', '/usr/sbin', '/usr/local', '/usr/local/bin'],
];
const PACKAGED = ['/usr/sbin/haproxy', '/usr/sbin/nft', '/usr/sbin/iptables'];
const GIBIBYTE = 1024 ** 3;

/** One generation of the lock of src/remote/lock.ts. */
export interface LockFile {
  token: number;
  run: string;
  since: number;
  /** Second at which the lease is over; 0 when released. */
  until: number;
  holder: string;
  from: string;
}

/** Ports of each program while it runs; those that the inventory names are added by the world. */
const PORTS: Readonly<Record<string, readonly number[]>> = {
  'kube-controller-manager.service': [10257],
  'kube-scheduler.service': [10259],
  'kubelet.service': [10248, 10250],
  'kube-proxy.service': [10249, 10256],
};

const digits = (text: string, length: number): string => createHash('md5').update(text).digest('hex').slice(0, length);

/** All that a machine is: what survives a reboot, and what does not. */
export class Machine {
  readonly name: string;
  readonly disk = new Disk();
  readonly users = new Set<string>();
  readonly systemd: Systemd;
  readonly images = new Set<string>();
  /** Loaded modules, current sysctls and swaps are the kernel's: a reboot brings back what files say. */
  readonly modules = new Set<string>();
  readonly sysctls = new Map<string, string>();
  swaps = ['/swapfile'];
  lock: LockFile | undefined;
  /** Highest token that an apply came with. */
  fence = 0;
  /** Files that an apply had staged when it died, by run. The next apply removes them. */
  readonly staged = new Set<string>();
  boots = 1;
  isDown = false;
  /** Further changes of what it tells, for preflight. */
  told: Partial<HostFacts> = {};
  extraPorts: Record<string, number[]> = {};
  readonly #host: Host;
  #kernelFacts: HostFacts | undefined;

  constructor(host: Host, surroundings: (machine: Machine) => Surroundings) {
    this.name = host.name;
    this.#host = host;
    this.systemd = new Systemd(this.disk, this.users, surroundings(this));
    for (const path of DIRECTORIES) this.disk.put(path, { type: 'directory', mode: '0755', owner: 'root:root' });
    for (const path of PACKAGED) this.disk.put(path, file(path, '0755'));
    this.disk.put('/etc/fstab', file('/swapfile none swap sw 0 0\n'));
  }

  get owned(): Owned | null {
    const text = this.disk.text(PLACES.owned);
    return text === undefined ? null : (JSON.parse(text) as Owned);
  }

  reboot(): void {
    this.boots += 1;
    this.modules.clear();
    for (const name of (this.disk.text('/etc/modules-load.d/kbin.conf') ?? '').split('\n')) {
      if (/^[a-z]/.test(name)) this.modules.add(name);
    }
    this.sysctls.clear();
    for (const line of (this.disk.text('/etc/sysctl.d/90-kbin.conf') ?? '').split('\n')) {
      const [, name, value] = /^([a-z][^ =]*) *= *(.*)$/.exec(line) ?? [];
      if (name !== undefined && value !== undefined) this.sysctls.set(name, value);
    }
    this.swaps = /^\/swapfile/m.test(this.disk.text('/etc/fstab') ?? '') ? ['/swapfile'] : [];
    this.systemd.reboot();
  }

  facts(input: ObserveInput): HostFacts {
    const known = <T>(keys: readonly string[], read: (key: string) => T | undefined): Record<string, T> =>
      Object.fromEntries(
        keys.flatMap((key) => {
          const value = read(key);
          return value === undefined ? [] : [[key, value] as const];
        }),
      );
    const ctr = `${input.binDir ?? '/usr/local/bin'}/ctr`;
    const hasCtr = this.disk.behind(ctr) !== undefined && this.systemd.isRunning('containerd.service');
    const units = known(input.units, (unit) => this.systemd.fact(unit));
    return {
      ...this.#identity(),
      bootId: `${this.name}-boot-${this.boots}`,
      swaps: [...this.swaps],
      modules: input.modules.filter((name) => this.modules.has(name)),
      sysctls: known(input.sysctls, (name) => this.sysctls.get(name)),
      disks: ['/var/lib', '/opt', '/'].map((path) => ({
        path,
        freeBytes: this.disk.isFull ? 0 : 50 * GIBIBYTE,
        totalBytes: 60 * GIBIBYTE,
        freeInodes: 1_000_000,
        readOnly: false,
      })),
      listening: this.#listening(),
      paths: known([...input.paths, ...input.immutable], (path) => this.disk.fact(path)),
      units,
      images: input.images && hasCtr ? [...this.images] : [],
      users: input.users.filter((user) => this.users.has(user)),
      certificates: {},
      owned: this.owned,
      leftovers: input.leftovers.filter((path) => this.disk.behind(path) !== undefined),
      ...this.told,
    };
  }

  #listening(): HostFacts['listening'] {
    return [...this.systemd.states.keys()]
      .filter((unit) => this.systemd.isAlive(unit))
      .flatMap((unit) => {
        // A member that has no quorum yet does not serve clients.
        const etcd = this.systemd.isRunning(unit) ? [2379, 2380, 2381] : [2380, 2381];
        const ports = unit === 'etcd.service' ? etcd : [...(PORTS[unit] ?? []), ...(this.extraPorts[unit] ?? [])];
        return ports.map((port) => ({ port, program: unit.replace('.service', '') }));
      });
  }

  #identity(): HostFacts {
    const { name, arch, address } = this.#host;
    this.#kernelFacts ??= {
      hostname: name,
      os: { id: 'debian', version: '13', like: '' },
      kernel: '6.12.0',
      arch,
      cpus: 4,
      memoryMiB: 8192,
      machineId: digits(name, 32),
      productUuid: digits(`uuid ${name}`, 32),
      macs: [`52:54:${digits(name, 8).replace(/(..)(?=.)/g, '$1:')}`],
      addresses: [address],
      clock: { offsetSeconds: 0, uncertaintySeconds: 0.01 },
      cgroup: 2,
      init: 'systemd',
      programs: [...KNOWN_PROGRAMS],
      ...({} as Pick<
        HostFacts,
        | 'bootId'
        | 'swaps'
        | 'modules'
        | 'sysctls'
        | 'disks'
        | 'listening'
        | 'paths'
        | 'certificates'
        | 'units'
        | 'images'
        | 'users'
        | 'owned'
        | 'leftovers'
      >),
    };
    return this.#kernelFacts;
  }
}

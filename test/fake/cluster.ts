import type { Answers } from '../../src/engine/probes/probe.ts';
import type { HostName, Inventory, Json } from '../../src/model/inventory.ts';
import { hostsWith } from '../../src/model/inventory.ts';
import type { ProbeName } from '../../src/model/phase.ts';
import type { ApiFacts } from '../../src/model/facts.ts';
import { PLACES } from '../../src/catalog/places.ts';
import type { Machine } from './machine.ts';
import { providersIn, StoredSecrets } from './storedSecrets.ts';
import type { Surroundings } from './systemd.ts';

export const ETCD = 'etcd.service';
export const APISERVER = 'kube-apiserver.service';
export const CNI_CONFIG = `${PLACES.cniConfig}/10-flannel.conflist`;
const MEMBER = `${PLACES.etcdData}/member`;

/** What the programs of all machines make together: an etcd, an API, Nodes. */
export class Cluster {
  inventory: Inventory;
  readonly machines = new Map<HostName, Machine>();
  /** Objects of the API by ApiObject id. */
  readonly objects = new Map<string, Json>();
  readonly nodes = new Map<HostName, ApiFacts['nodes'][string]>();
  /** Hosts whose port 2380 is blocked. */
  readonly walled = new Set<HostName>();
  /** Members that have voted. */
  readonly voters = new Set<HostName>();
  readonly secrets: StoredSecrets;
  /** Told of everything that must not happen. */
  readonly #broken: (what: string) => void;
  /** Units that stop now stop because of a reboot or a dead machine. */
  isAccident = false;

  /** Whose member of etcd leads; it stays until it goes or hands over. */
  #leader: HostName | undefined;

  constructor(inventory: Inventory, broken: (what: string) => void) {
    this.inventory = inventory;
    this.#broken = broken;
    this.secrets = new StoredSecrets(broken);
  }

  #members(): Machine[] {
    return this.#withRole('etcd');
  }

  #withRole(role: 'etcd' | 'control-plane'): Machine[] {
    return hostsWith(this.inventory, role).flatMap((host) => this.machines.get(host.name) ?? []);
  }

  hasQuorum(): boolean {
    return this.#connected().length * 2 > this.#members().length;
  }

  /** Members whose process runs and reaches the others. */
  #connected(): Machine[] {
    return this.#members().filter(({ name, systemd }) => systemd.isAlive(ETCD) && !this.walled.has(name));
  }

  get leader(): HostName | undefined {
    const connected = this.hasQuorum() ? this.#connected().map(({ name }) => name) : [];
    if (this.#leader === undefined || !connected.includes(this.#leader)) this.#leader = connected[0];
    return this.#leader;
  }

  handOver(host: HostName, others: readonly HostName[]): void {
    if (this.leader === host) this.#leader = this.#connected().find(({ name }) => others.includes(name))?.name ?? host;
  }

  isServing(machine: Machine): boolean {
    return !machine.isDown && machine.systemd.isRunning(APISERVER) && this.hasQuorum();
  }

  servingHosts(): HostName[] {
    return this.#withRole('control-plane')
      .filter((machine) => this.isServing(machine))
      .map(({ name }) => name);
  }

  /** Time goes on: systemd retries, kubelets register their Nodes. */
  settle(): void {
    for (const machine of this.machines.values()) if (!machine.isDown) machine.systemd.settle();
    for (const machine of this.machines.values()) {
      const isTalking =
        machine.systemd.isRunning('kubelet.service') && machine.systemd.isRunning('kbin-haproxy.service');
      if (!isTalking || this.nodes.has(machine.name) || this.servingHosts().length === 0) continue;
      const fresh = { labels: {}, taints: [], ownLabels: [], ownTaints: [] };
      this.nodes.set(machine.name, { ...fresh, ready: false, kubeletVersion: this.inventory.versions.kubernetes });
    }
    for (const [name, node] of this.nodes) {
      const { disk, systemd, isDown } = this.machines.get(name)!;
      node.ready =
        !isDown &&
        ['kubelet.service', 'flanneld.service', 'containerd.service'].every((unit) => systemd.isRunning(unit)) &&
        disk.behind(CNI_CONFIG) !== undefined;
    }
  }

  surroundings(machine: Machine): Surroundings {
    return {
      obstacle: (unit) => this.#obstacle(machine, unit),
      isReady: (unit) => unit !== ETCD || (this.hasQuorum() && !this.walled.has(machine.name)),
      launched: (unit, by) => this.#launched(machine, unit, by),
      ended: (unit) => this.#ended(machine, unit),
    };
  }

  #obstacle({ disk, systemd }: Machine, unit: string): string | undefined {
    if (unit === 'kubelet.service' && !systemd.isRunning('containerd.service')) return 'no containerd';
    if (unit === ETCD && !disk.isDirectory(PLACES.etcdData)) return `${PLACES.etcdData} does not exist`;
    return undefined;
  }

  #launched(machine: Machine, unit: string, by: 'step' | 'systemd'): void {
    if (unit === APISERVER && by === 'step' && !this.hasQuorum()) {
      this.#broken(`${APISERVER} was started on ${machine.name} without a quorum of etcd`);
    }
    const encryption = machine.disk.text(PLACES.encryption);
    if (unit === APISERVER && encryption !== undefined) this.secrets.serve(machine.name, providersIn(encryption));
    if (unit !== ETCD) return;
    if (machine.disk.at(MEMBER) === undefined) {
      if (this.voters.has(machine.name)) this.#broken(`etcd on ${machine.name} was started as new after it had voted`);
      machine.disk.put(MEMBER, { type: 'directory', mode: '0700', owner: 'etcd:etcd' });
    }
    if (this.hasQuorum()) for (const member of this.#connected()) this.voters.add(member.name);
  }

  #ended(machine: Machine, unit: string): void {
    if (unit === APISERVER) this.secrets.stop(machine.name);
    if (this.isAccident) return;
    const members = this.#members().length;
    const isFormed = this.voters.size * 2 > members;
    if (unit === ETCD && isFormed && this.#leader === machine.name && this.hasQuorum()) {
      this.#broken(`etcd was stopped on ${machine.name} while it led`);
    }
    if (unit === ETCD && isFormed && members > 2 && !this.hasQuorum()) {
      this.#broken(`etcd was stopped on ${machine.name}, and no quorum is left`);
    }
    const planes = this.#withRole('control-plane');
    if (unit === APISERVER && planes.length > 1 && isFormed && this.servingHosts().length === 0) {
      this.#broken(`${APISERVER} was stopped on ${machine.name}, and none is left`);
    }
  }

  /** What a probe says, in the spirit of src/engine/probes. */
  answers(probe: ProbeName, hosts: readonly HostName[]): Answers {
    this.settle();
    return Object.fromEntries(
      hosts.map((host) => {
        const machine = this.machines.get(host)!;
        const fault = machine.isDown ? 'no route to host' : this.#probeFault(probe, machine);
        return [host, fault === undefined ? { ok: true, text: 'fine' } : { ok: false, text: fault }];
      }),
    );
  }

  #probeFault(probe: ProbeName, machine: Machine): string | undefined {
    const { systemd, disk, images, name } = machine;
    const needs = (...units: string[]): string | undefined => {
      const missing = units.find((unit) => !systemd.isRunning(unit));
      return missing === undefined ? undefined : `${missing} does not run`;
    };
    const node = this.nodes.get(name);
    switch (probe) {
      case 'containerd':
        return needs('containerd.service');
      case 'etcd':
        return needs(ETCD) ?? (this.hasQuorum() && !this.walled.has(name) ? undefined : 'no leader');
      case 'apiserver':
        return needs(APISERVER) ?? (this.isServing(machine) ? undefined : 'not ready: etcd');
      case 'leases':
        return needs('kube-controller-manager.service', 'kube-scheduler.service');
      case 'balancer':
        return needs('kbin-haproxy.service') ?? (this.servingHosts().length > 0 ? undefined : 'no API behind it');
      case 'kubelet':
        return needs('kubelet.service');
      case 'nodes-registered':
        return (
          needs('kubelet.service', 'kube-proxy.service') ?? (node === undefined ? 'its Node does not exist' : undefined)
        );
      case 'nodes-ready':
        return disk.behind(CNI_CONFIG) === undefined
          ? 'no network'
          : node?.ready === true
            ? undefined
            : 'its Node is not Ready';
      case 'encrypted': {
        const [left] = this.secrets.left();
        return left === undefined ? undefined : `Secret ${left} is not rewritten`;
      }
      case 'cluster': {
        const { coredns, smoke } = this.inventory.images;
        const missing = [coredns, smoke].find((image) => !images.has(image));
        if (missing !== undefined) return `ErrImageNeverPull ${missing}`;
        const hasDns = [...this.objects.values()].some((object) => JSON.stringify(object).includes('"Deployment"'));
        return hasDns ? (node?.ready === true ? undefined : 'its Node is not Ready') : 'no CoreDNS';
      }
    }
  }
}

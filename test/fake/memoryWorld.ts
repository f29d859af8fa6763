import type { World } from '../../src/engine/engine.ts';
import { isSatisfied, type GateAsked } from '../../src/engine/gate.ts';
import { PROBE_TABLE } from '../../src/engine/probes/index.ts';
import { KbinError } from '../../src/errors.ts';
import type { HostName, Inventory } from '../../src/model/inventory.ts';
import type { Desired } from '../../src/model/resource.ts';
import { VirtualClock } from './clock.ts';
import { APISERVER, Cluster } from './cluster.ts';
import { Conductor } from './conductor.ts';
import type { Kbin } from './kbin.ts';
import { Machine } from './machine.ts';
import { headsScript, lookScript, nodeScript, objectScript, rewriteScript } from './memoryApi.ts';
import { MemoryHost, type Perform } from './memoryHost.ts';
import type { Operation } from './operations.ts';

const POLL_MILLISECONDS = 250;
/** Pods take their time; the lock is renewed meanwhile. */
const PROOF_MILLISECONDS = 21_000;

/** Machines, their API and the operator's certificate store, with a count of everything that reaches them. */
export class MemoryWorld {
  readonly clock = new VirtualClock();
  readonly cluster: Cluster;
  readonly conductor: Conductor;
  /** What must not happen and did. */
  readonly broken: string[] = [];

  constructor(inventory: Inventory) {
    this.cluster = new Cluster(inventory, (what) => this.breaks(what));
    for (const host of inventory.hosts) {
      const machine = new Machine(host, (self) => this.cluster.surroundings(self));
      machine.extraPorts = {
        [APISERVER]: [inventory.apiPort],
        'kbin-haproxy.service': [inventory.balancerPort, inventory.balancerPort + 1],
      };
      this.cluster.machines.set(host.name, machine);
    }
    this.conductor = new Conductor({
      machine: (name) => this.cluster.machines.get(name),
      anyHost: () => inventory.hosts[0]!.name,
      advance: (milliseconds) => this.clock.advance(milliseconds),
      reboot: (name) => this.reboot(name),
      kill: (name) => this.kill(name),
      breaks: this.breaks,
    });
  }

  get operations(): Operation[] {
    return this.conductor.operations;
  }

  readonly breaks = (what: string): void => {
    this.broken.push(`operation ${this.operations.length}: ${what}`);
  };

  machine(name: HostName): Machine {
    return this.cluster.machines.get(name)!;
  }

  get machines(): Machine[] {
    return [...this.cluster.machines.values()];
  }

  /** The machine loses power. */
  kill(name: HostName): void {
    const machine = this.machine(name);
    machine.isDown = true;
    machine.boots += 1;
    this.#accident(() => machine.systemd.powerOff());
  }

  /** A unit is stopped by an operator's hand, without kbin's knowledge. */
  halt(name: HostName, unit: string): void {
    this.#accident(() => this.machine(name).systemd.halt(unit));
  }

  revive(name: HostName): void {
    this.machine(name).isDown = false;
    this.reboot(name);
  }

  reboot(name: HostName): void {
    this.#accident(() => this.machine(name).reboot());
    this.cluster.settle();
  }

  #accident(work: () => void): void {
    this.cluster.isAccident = true;
    work();
    this.cluster.isAccident = false;
  }

  performing(kbin: Kbin, on: string): Perform {
    return this.conductor.for(kbin, on);
  }

  /** How one process of kbin reaches this world. */
  for(kbin: Kbin, inventory: Inventory, desired: Desired): World {
    const { cluster } = this;
    const api = this.performing(kbin, 'api');
    const servingBut = (failed: { has(host: HostName): boolean }): HostName[] =>
      cluster.servingHosts().filter((host) => !failed.has(host));
    return {
      host: (name) => new MemoryHost(this.machine(name), this.performing(kbin, name), () => this.clock.now()),
      api: (failed) => ({
        list: async () => ({ items: [], serverTime: 0 }),
        mergePatch: async () => undefined,
        patchAsRead: async () => true,
        remove: async () => undefined,
        get: async () => ({ status: 404, body: null, text: '', serverTime: 0, host: '' }),
        rewrite: async (path) =>
          api({ verb: 'object', name: path, input: path }, { script: () => rewriteScript(cluster, path) }),
        serverSideApply: async (object) =>
          api(
            { verb: 'object', name: object.id, input: object },
            { script: () => objectScript(cluster, servingBut(failed), object) },
          ),
        applyNodeSettings: async (settings) =>
          api(
            { verb: 'node', name: settings.host, input: settings },
            { script: () => nodeScript(cluster, servingBut(failed), settings) },
          ),
      }),
      storedHeads: async (prefix) =>
        api({ verb: 'look', name: prefix, input: prefix }, { script: () => headsScript(cluster, prefix) }),
      etcdLeader: async (members) => members.find((host) => host === cluster.leader),
      yieldLeadership: async (host, others) => cluster.handOver(host, others),
      observeApi: async (serving) =>
        api({ verb: 'look', name: '', input: serving }, { script: () => lookScript(cluster, serving, desired) }),
      passGate: (asked, signal) => this.#passGate(kbin, { asked, inventory, signal }),
    };
  }

  async #passGate(kbin: Kbin, task: { asked: GateAsked; inventory: Inventory; signal: AbortSignal }): Promise<void> {
    const { gate, phase, wave } = task.asked;
    const tell = (state: 'waiting' | 'passed' | 'failed'): void =>
      kbin.emit({ type: 'gate', wave, phase, probe: gate.probe, state, answers: {}, at: this.clock.now() });
    tell('waiting');
    // Asking is what can be lost, and then it is asked again: the waiting itself is no operation.
    const ask = this.performing(kbin, 'api')({ verb: 'gate', name: wave, input: undefined }, { script: askedScript });
    await ask.catch((error: unknown) => {
      if (!(error instanceof KbinError)) throw error;
    });
    try {
      await this.#wait(kbin, task);
    } catch (error) {
      kbin.gateRefused(phase);
      tell('failed');
      throw error;
    }
    kbin.gatePassed(phase);
    tell('passed');
  }

  /** Polls as src/engine/gate.ts does, in virtual time. */
  async #wait(
    kbin: Kbin,
    { asked, inventory, signal }: { asked: GateAsked; inventory: Inventory; signal: AbortSignal },
  ): Promise<void> {
    const { gate, hosts, wave } = asked;
    const row = PROBE_TABLE[gate.probe];
    const { fault } = this.conductor;
    const last = this.operations.findLast(({ verb, name }) => verb === 'gate' && name === wave);
    const isRefused = fault?.then === 'refused' && fault.at === last?.number;
    const deadline = this.clock.now() + gate.withinSeconds * 1000;
    if (gate.probe === 'cluster') await this.clock.pause(PROOF_MILLISECONDS);
    for (let inARow = 0; ;) {
      kbin.assertAlive();
      if (signal.aborted) throw new KbinError('INTERRUPTED', `waiting for ${row.subject} was given up`);
      const answers = this.cluster.answers(gate.probe, hosts);
      const members = row.members?.(inventory) ?? hosts.length;
      inARow = !isRefused && isSatisfied(answers, gate.need, members) ? inARow + 1 : 0;
      if (inARow >= row.inARow) return;
      if (this.clock.now() >= deadline) {
        const evidence = Object.entries(answers).map(([host, answer]) => `  ${host}: ${answer.text}`);
        throw new KbinError('GATE', `${row.subject} did not pass, after ${gate.withinSeconds} s`, { evidence });
      }
      await this.clock.pause(isRefused ? gate.withinSeconds * 1000 : POLL_MILLISECONDS);
    }
  }
}

function* askedScript(): Generator<string, void> {
  yield 'asked';
}

import type { World } from '../../src/engine/engine.ts';
import { isSatisfied, type GateAsked } from '../../src/engine/gate.ts';
import { PROBE_TABLE } from '../../src/engine/probes/index.ts';
import { KbinError } from '../../src/errors.ts';
import type { HostName, Inventory } from '../../src/model/inventory.ts';
import type { Desired } from '../../src/model/resource.ts';
import type { ApplyInput } from '../../src/remote/apply.ts';
import { VirtualClock } from './clock.ts';
import { APISERVER, Cluster } from './cluster.ts';
import type { Kbin } from './kbin.ts';
import { Machine } from './machine.ts';
import { lookScript, nodeScript, objectScript } from './memoryApi.ts';
import { MemoryHost, type Perform, type Work } from './memoryHost.ts';
import { connectionLost, Killed, type Fault, type Operation, type Verb } from './operations.ts';

const OPERATION_MILLISECONDS = 20;
const POLL_MILLISECONDS = 250;
/** Pods take their time; the lock is renewed meanwhile. */
const PROOF_MILLISECONDS = 21_000;

interface Asked {
  verb: Verb;
  on: string;
  name: string;
  input?: unknown;
}

/** Machines, their API and the operator's certificate store, with a count of everything that reaches them. */
export class MemoryWorld {
  readonly clock = new VirtualClock();
  readonly cluster: Cluster;
  readonly operations: Operation[] = [];
  /** What must not happen and did. */
  readonly broken: string[] = [];
  fault: Fault | undefined;
  /** Awaited before every operation: time in which others act. */
  beforeEach: (operation: Operation, kbin: Kbin) => void | Promise<void> = () => undefined;
  /** Called after every operation, whatever became of it. */
  afterEach: (operation: Operation) => void = () => undefined;
  /** Steps whose outcome nobody knows, by host: until it is observed they must not be sent again. */
  readonly #unknown = new Map<HostName, Set<string>>();

  constructor(inventory: Inventory) {
    this.cluster = new Cluster(inventory, (what) => this.breaks(what));
    for (const host of inventory.hosts) this.#boot(host.name, inventory);
  }

  readonly breaks = (what: string): void => {
    this.broken.push(`operation ${this.operations.length}: ${what}`);
  };

  #boot(name: HostName, inventory: Inventory): void {
    const host = inventory.hosts.find((one) => one.name === name)!;
    const machine = new Machine(host, (self) => this.cluster.surroundings(self));
    machine.extraPorts = {
      [APISERVER]: [inventory.apiPort],
      'kbin-haproxy.service': [inventory.balancerPort, inventory.balancerPort + 1],
    };
    this.cluster.machines.set(name, machine);
  }

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
    this.#accident(() => machine.systemd.powerOff());
  }

  /** A unit is stopped by an operator's hand, without kbin's knowledge. */
  halt(name: HostName, unit: string): void {
    this.#accident(() => this.machine(name).systemd.halt(unit));
  }

  revive(name: HostName): void {
    this.machine(name).isDown = false;
    this.#accident(() => this.machine(name).reboot());
    this.cluster.settle();
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

  /** How one process of kbin reaches this world. */
  for(kbin: Kbin, inventory: Inventory, desired: Desired): World {
    const on = (host: string): Perform => this.performing(kbin, host);
    const servingBut = (failed: { has(host: HostName): boolean }): HostName[] =>
      this.cluster.servingHosts().filter((host) => !failed.has(host));
    return {
      host: (name) => new MemoryHost(this.machine(name), on(name), () => this.clock.now()),
      api: (failed) => ({
        serverSideApply: async (object) =>
          on('api')(
            { verb: 'object', name: object.id, input: object },
            { script: () => objectScript(this.cluster, servingBut(failed), object) },
          ),
        applyNodeSettings: async (settings) =>
          on('api')(
            { verb: 'node', name: settings.host, input: settings },
            { script: () => nodeScript(this.cluster, servingBut(failed), settings) },
          ),
      }),
      observeApi: async (serving) =>
        on('api')(
          { verb: 'look', name: '', input: serving },
          { script: () => lookScript(this.cluster, serving, desired) },
        ),
      passGate: (asked, signal) => this.#passGate(kbin, { asked, inventory, signal }),
    };
  }

  performing(kbin: Kbin, on: string): Perform {
    return (what, work) => this.#perform(kbin, { ...what, on }, work);
  }

  async #perform<T>(kbin: Kbin, asked: Asked, work: Work<T>): Promise<T> {
    kbin.assertAlive();
    const { verb, on, name } = asked;
    const operation: Operation = { number: this.operations.length + 1, verb, on, name, pieces: 0 };
    this.operations.push(operation);
    this.#watch(kbin, asked);
    this.clock.advance(OPERATION_MILLISECONDS);
    await this.beforeEach(operation, kbin);
    try {
      return await this.#run(kbin, { asked, operation, work });
    } finally {
      this.afterEach(operation);
    }
  }

  /** Rules that an operation can break by being asked for. */
  #watch(kbin: Kbin, { verb, on, input }: Asked): void {
    if (verb === 'observe') this.#unknown.delete(on);
    if (verb !== 'apply') return;
    const apply = input as ApplyInput;
    kbin.applies(apply);
    const replayed = apply.steps.find((step) => this.#unknown.get(on)?.has(step.id) === true);
    if (replayed !== undefined) this.breaks(`${replayed.id} was sent again without looking at ${on}`);
  }

  async #run<T>(kbin: Kbin, task: { asked: Asked; operation: Operation; work: Work<T> }): Promise<T> {
    const { asked, operation, work } = task;
    const fault = this.fault?.at === operation.number ? this.fault : undefined;
    const machine = this.cluster.machines.get(asked.on);
    if (machine?.isDown === true) throw connectionLost(asked.on, false);
    if (fault?.then === 'full' && machine !== undefined) machine.disk.isFull = true;
    const stopsAt = fault === undefined || ['full', 'refused'].includes(fault.then) ? undefined : fault.after;
    const boots = machine?.boots;
    const script = work.script();
    while (operation.pieces !== stopsAt) {
      kbin.assertAlive();
      if (machine !== undefined && (machine.isDown || machine.boots !== boots)) throw this.#lose(asked, true);
      const { done, value } = script.next();
      if (done === true) {
        if (fault === undefined || stopsAt === undefined) return value;
        break;
      }
      operation.pieces += 1;
      await undefined;
    }
    return this.#suffer(kbin, { ...task, fault: fault! });
  }

  /** The fault strikes now. */
  #suffer<T>(kbin: Kbin, task: { asked: Asked; operation: Operation; work: Work<T>; fault: Fault }): T {
    const { asked, work, fault } = task;
    const host = this.cluster.machines.has(asked.on) ? asked.on : [...this.cluster.machines.keys()][0]!;
    switch (fault.then) {
      case 'killed':
        kbin.isDead = true;
        throw new Killed();
      case 'reboot':
        this.reboot(host);
        throw this.#lose(asked, fault.after > 0);
      case 'dead':
        this.kill(host);
        throw this.#lose(asked, fault.after > 0);
      case 'truncated':
        if (work.truncated === undefined) throw this.#lose(asked, true);
        this.#forget(asked);
        return work.truncated();
      case 'store':
        throw new KbinError('PKI', 'the disk of the certificate store failed');
      default:
        throw this.#lose(asked, fault.after > 0);
    }
  }

  #lose(asked: Asked, sent: boolean): Error {
    if (sent) this.#forget(asked);
    return connectionLost(asked.on, sent);
  }

  /** From now on nobody knows what became of these steps. */
  #forget({ verb, on, input }: Asked): void {
    if (verb !== 'apply') return;
    const steps = (input as ApplyInput).steps.map((step) => step.id);
    this.#unknown.set(on, new Set([...(this.#unknown.get(on) ?? []), ...steps]));
  }

  async #passGate(kbin: Kbin, task: { asked: GateAsked; inventory: Inventory; signal: AbortSignal }): Promise<void> {
    const { asked, inventory, signal } = task;
    const { gate, hosts, phase, wave } = asked;
    const row = PROBE_TABLE[gate.probe];
    const members = row.members?.(inventory) ?? hosts.length;
    const tell = (state: 'waiting' | 'passed' | 'failed'): void =>
      kbin.emit({ type: 'gate', wave, phase, probe: gate.probe, state, answers: {}, at: this.clock.now() });
    tell('waiting');
    // Asking is what can be lost; the waiting itself is not an operation.
    await this.#perform(kbin, { verb: 'gate', on: 'api', name: wave }, { script: askedScript }).catch(
      (error: unknown) => {
        if (!(error instanceof KbinError)) throw error;
      },
    );
    const isRefused = this.fault?.then === 'refused' && this.fault.at === this.#lastGate(wave)?.number;
    const deadline = this.clock.now() + gate.withinSeconds * 1000;
    if (gate.probe === 'cluster') await this.clock.pause(PROOF_MILLISECONDS);
    let inARow = 0;
    for (;;) {
      kbin.assertAlive();
      if (signal.aborted) throw new KbinError('INTERRUPTED', `waiting for ${row.subject} was given up`);
      const answers = this.cluster.answers(gate.probe, hosts);
      inARow = !isRefused && isSatisfied(answers, gate.need, members) ? inARow + 1 : 0;
      if (inARow >= row.inARow) break;
      if (this.clock.now() >= deadline) {
        kbin.gateRefused(phase);
        tell('failed');
        const evidence = Object.entries(answers).map(([host, answer]) => `  ${host}: ${answer.text}`);
        throw new KbinError('GATE', `${row.subject} did not pass, after ${gate.withinSeconds} s`, { evidence });
      }
      await this.clock.pause(isRefused ? gate.withinSeconds * 1000 : POLL_MILLISECONDS);
    }
    kbin.gatePassed(phase);
    tell('passed');
  }

  #lastGate(wave: string): Operation | undefined {
    return this.operations.findLast((operation) => operation.verb === 'gate' && operation.name === wave);
  }
}

function* askedScript(): Generator<string, void> {
  yield 'asked';
}

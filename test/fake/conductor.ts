import { PLACES } from '../../src/catalog/places.ts';
import { KbinError } from '../../src/errors.ts';
import type { HostName } from '../../src/model/inventory.ts';
import type { ApplyInput } from '../../src/remote/apply.ts';
import type { UploadInput } from '../../src/remote/upload.ts';
import type { Script } from './hostScripts.ts';
import type { Kbin } from './kbin.ts';
import type { Machine } from './machine.ts';
import type { Perform, Work } from './memoryHost.ts';
import { connectionLost, Killed, type Fault, type Operation, type Verb } from './operations.ts';

const OPERATION_MILLISECONDS = 20;

interface Asked {
  verb: Verb;
  on: string;
  name: string;
  input?: unknown;
}

interface Task<T> {
  asked: Asked;
  operation: Operation;
  work: Work<T>;
}

/** What happens to machines when a fault strikes. */
export interface Surroundings {
  machine: (name: string) => Machine | undefined;
  /** Where a fault strikes that hits no host by itself. */
  anyHost: () => HostName;
  advance: (milliseconds: number) => void;
  reboot: (name: HostName) => void;
  kill: (name: HostName) => void;
  breaks: (what: string) => void;
}

/** The certificate store is in nothing but issuing. */
const strikes = ({ then }: Fault, { verb }: Asked): boolean => then !== 'store' || verb.startsWith('issue');

/** Counts everything that leaves a process of kbin, and lets one fault strike. */
export class Conductor {
  readonly operations: Operation[] = [];
  fault: Fault | undefined;
  beforeEach: (operation: Operation, kbin: Kbin) => void | Promise<void> = () => undefined;
  afterEach: (operation: Operation) => void = () => undefined;
  readonly #around: Surroundings;
  /** Steps whose outcome nobody knows, by host: until it is observed they must not be sent again. */
  readonly #unknown = new Map<HostName, Set<string>>();

  constructor(around: Surroundings) {
    this.#around = around;
  }

  for(kbin: Kbin, on: string): Perform {
    return (what, work) => this.#perform(kbin, { ...what, on }, work);
  }

  async #perform<T>(kbin: Kbin, asked: Asked, work: Work<T>): Promise<T> {
    kbin.assertAlive();
    const { verb, on, name } = asked;
    const operation: Operation = { number: this.operations.length + 1, verb, on, name, pieces: 0 };
    this.operations.push(operation);
    this.#watch(kbin, asked);
    this.#around.advance(OPERATION_MILLISECONDS);
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
    if (verb === 'upload') this.#assertListed(on, (input as UploadInput).target);
    if (verb !== 'apply') return;
    const apply = input as ApplyInput;
    kbin.applies(apply);
    const replayed = apply.steps.find((step) => this.#unknown.get(on)?.has(step.id) === true);
    if (replayed !== undefined) this.#around.breaks(`${replayed.id} was sent again without looking at ${on}`);
  }

  /** What is sent is on the host's list before it is there. */
  #assertListed(on: HostName, target: string): void {
    const isListed = this.#around.machine(on)?.owned?.paths.includes(target) === true;
    if (!isListed && !target.startsWith(`${PLACES.kbin}/`)) this.#around.breaks(`${on} was sent ${target} unannounced`);
  }

  async #run<T>(kbin: Kbin, task: Task<T>): Promise<T> {
    const { asked, operation, work } = task;
    const fault = this.fault?.at === operation.number && strikes(this.fault, asked) ? this.fault : undefined;
    const machine = this.#around.machine(asked.on);
    if (machine?.isDown === true) throw connectionLost(asked.on, false);
    if (fault?.then === 'full' && machine !== undefined) machine.disk.isFull = true;
    const isCut = fault !== undefined && fault.then !== 'full' && fault.then !== 'refused';
    const ended = await this.#play(kbin, { ...task, stopsAt: isCut ? fault.after : Infinity, script: work.script() });
    if (!isCut && ended !== undefined) return ended.value;
    return this.#suffer(kbin, { ...task, fault: fault! });
  }

  /** Runs a script piece by piece; undefined when it stopped before its end. */
  async #play<T>(
    kbin: Kbin,
    { asked, operation, stopsAt, script }: Task<T> & { stopsAt: number; script: Script<T> },
  ): Promise<{ value: T } | undefined> {
    const machine = this.#around.machine(asked.on);
    const boots = machine?.boots;
    while (operation.pieces !== stopsAt) {
      kbin.assertAlive();
      if (machine !== undefined && machine.boots !== boots) throw this.#lose(asked, true);
      const piece = script.next();
      if (piece.done === true) return { value: piece.value };
      operation.pieces += 1;
      await Promise.resolve();
    }
    return undefined;
  }

  /** The fault strikes now. */
  #suffer<T>(kbin: Kbin, { asked, work, fault }: Task<T> & { fault: Fault }): T {
    const host = this.#around.machine(asked.on) === undefined ? this.#around.anyHost() : asked.on;
    switch (fault.then) {
      case 'killed':
        kbin.isDead = true;
        throw new Killed();
      case 'reboot':
        this.#around.reboot(host);
        throw this.#lose(asked, fault.after > 0);
      case 'dead':
        this.#around.kill(host);
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
}

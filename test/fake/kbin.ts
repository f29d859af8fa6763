import { PHASE_TABLE } from '../../src/catalog/phases.ts';
import type { Event } from '../../src/model/event.ts';
import type { HostName } from '../../src/model/inventory.ts';
import type { PhaseName } from '../../src/model/phase.ts';
import type { ApplyInput } from '../../src/remote/apply.ts';
import { Killed } from './operations.ts';

/** Phases that must have passed before one begins, however far back. */
const before = (name: PhaseName): PhaseName[] => {
  const row = PHASE_TABLE.find((phase) => phase.name === name);
  return (row?.after ?? []).flatMap((other) => [other, ...before(other)]);
};
const BEFORE = new Map(PHASE_TABLE.map(({ name }) => [name, new Set(before(name))]));
const hasGate = (name: PhaseName): boolean => PHASE_TABLE.some((row) => row.name === name && row.gate !== undefined);

/** One process of kbin: what it was told and did, and what that forbids it to do from then on. */
export class Kbin {
  readonly run: string;
  readonly events: Event[] = [];
  isDead = false;
  readonly #broken: (what: string) => void;
  readonly #passed = new Set<PhaseName>();
  readonly #refused = new Set<PhaseName>();
  readonly #failedHosts = new Set<HostName>();
  /** Applies that were announced and not yet ended, by host. */
  readonly #open = new Map<HostName, number>();
  readonly #phases: ReadonlySet<PhaseName>;

  /** `phases`: those that have hosts in this inventory. */
  constructor(run: string, phases: ReadonlySet<PhaseName>, broken: (what: string) => void) {
    this.run = run;
    this.#phases = phases;
    this.#broken = broken;
  }

  readonly emit = (event: Event): void => {
    this.events.push(event);
    if (event.type === 'upload' && event.state === 'started') this.#begins('upload', event.host);
    if (event.type !== 'apply') return;
    if (event.state === 'started') this.#begins('step', event.host);
    if (event.state === 'failed') this.#failedHosts.add(event.host);
    this.#open.set(event.host, (this.#open.get(event.host) ?? 0) + (event.state === 'started' ? 1 : -1));
  };

  #begins(what: string, host: HostName): void {
    if (this.#failedHosts.has(host)) this.#broken(`${host} got another ${what} after it had failed`);
  }

  assertAlive(): void {
    if (this.isDead) throw new Killed();
  }

  gatePassed(phase: PhaseName): void {
    // One that was asked again, without hosts that were lost, counts by its last answer.
    this.#refused.delete(phase);
    this.#passed.add(phase);
  }

  gateRefused(phase: PhaseName): void {
    this.#refused.add(phase);
  }

  applies({ host, steps }: ApplyInput): void {
    // Without steps it only writes the list of what is owned, also ahead of uploads.
    if (steps.length > 0 && (this.#open.get(host) ?? 0) < 1) this.#broken(`${host} got a step that was not announced`);
    for (const phase of new Set(steps.map((step) => step.phase))) {
      this.#passed.delete(phase);
      for (const earlier of BEFORE.get(phase) ?? []) {
        if (this.#refused.has(earlier))
          this.#broken(`${phase} on ${host} was begun after the gate of ${earlier} failed`);
        if (!hasGate(earlier) || !this.#phases.has(earlier)) continue;
        if (!this.#passed.has(earlier)) this.#broken(`${phase} on ${host} was begun before the gate of ${earlier}`);
      }
    }
  }
}

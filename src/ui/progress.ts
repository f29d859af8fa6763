import { PHASE_TABLE } from '../catalog/phases.ts';
import type { Event } from '../model/event.ts';
import type { HostName } from '../model/inventory.ts';
import type { PhaseName } from '../model/phase.ts';
import { UploadProgress } from './uploadProgress.ts';

type Of<T extends Event['type']> = Extract<Event, { type: T }>;

export interface ObserveProgress {
  /** Hosts of the run; those seen so far when a run opened without them. */
  total: number;
  connecting: Set<HostName>;
  observed: number;
  failed: Map<HostName, string>;
  startedAt: number;
  lastAt: number;
}

export interface HostProgress {
  state: 'applying' | 'applied' | 'failed';
  message?: string;
}

/** One phase, all of its waves together: a rolling change of a thousand hosts stays one row. */
export interface PhaseProgress {
  phase: PhaseName;
  state: 'applying' | 'waiting' | 'done' | 'failed';
  startedAt: number;
  endedAt?: number;
  /** Waves with steps that were started, and all waves that run. */
  turns: number;
  open: Set<string>;
  /** Hosts that the waves announced; as many as were seen where they did not say. */
  expectedHosts: number;
  hosts: Map<HostName, HostProgress>;
  appliedHosts: number;
  failedHosts: Map<HostName, string>;
  /** Of phases that run here or on the API, where no host applies. */
  steps: number;
  stepsDone: number;
  appliedAt?: number;
  /** Waits since everything was applied. */
  gate?: { answers: Record<string, string>; since: number; endedAt?: number };
}

const API_PHASES = PHASE_TABLE.filter((phase) => phase.on === 'api').map((phase) => phase.name);

/** Where a run stands, from its events. Holds counts beside the maps, so that a frame costs the same for any number of hosts. */
export class Progress {
  observe: ObserveProgress | undefined;
  planned: Of<'planned'> | undefined;
  readonly uploads = new UploadProgress();
  readonly phases = new Map<PhaseName, PhaseProgress>();
  #hosts = 0;

  take(event: Event): void {
    switch (event.type) {
      case 'run':
        this.#hosts = event.hosts.length;
        return;
      case 'host':
        return this.#host(event);
      case 'planned':
        this.planned = event;
        this.uploads.expectedBytes = event.uploadBytes;
        return;
      case 'upload':
        return this.uploads.take(event);
      case 'wave':
        return this.#wave(event);
      case 'apply':
        return this.#apply(event);
      case 'gate':
        return this.#gate(event);
      case 'step':
        return this.#step(event);
      default:
        return;
    }
  }

  #host(event: Of<'host'>): void {
    this.observe ??= {
      total: this.#hosts,
      connecting: new Set(),
      observed: 0,
      failed: new Map(),
      startedAt: event.at,
      lastAt: event.at,
    };
    const { observe } = this;
    observe.lastAt = event.at;
    if (event.state === 'connecting') observe.connecting.add(event.host);
    else observe.connecting.delete(event.host);
    if (event.state === 'observed') observe.observed += 1;
    if (event.state === 'failed') observe.failed.set(event.host, event.message ?? 'failed');
    observe.total = Math.max(observe.total, observe.observed + observe.failed.size + observe.connecting.size);
  }

  #wave(event: Of<'wave'>): void {
    const row = this.#phase(event.phase, event.at);
    if (event.state === 'started') {
      // Waves without steps only ask their gate.
      if (event.steps > 0) row.turns += 1;
      row.open.add(event.wave);
      row.steps += event.steps;
      row.expectedHosts += event.hosts ?? 0;
      row.state = 'applying';
      delete row.endedAt;
      delete row.gate;
      delete row.appliedAt;
    } else if (event.state === 'applied') {
      row.appliedAt = event.at;
    } else {
      row.open.delete(event.wave);
      if (row.open.size === 0) row.endedAt = event.at;
      if (event.state === 'failed') row.state = 'failed';
      else if (row.open.size === 0 && row.state !== 'failed') row.state = 'done';
    }
  }

  #phase(phase: PhaseName, at: number): PhaseProgress {
    const known = this.phases.get(phase);
    if (known !== undefined) return known;
    const row: PhaseProgress = {
      phase,
      state: 'applying',
      startedAt: at,
      turns: 0,
      open: new Set(),
      expectedHosts: 0,
      hosts: new Map(),
      appliedHosts: 0,
      failedHosts: new Map(),
      steps: 0,
      stepsDone: 0,
    };
    this.phases.set(phase, row);
    return row;
  }

  #apply(event: Of<'apply'>): void {
    const row = this.#phase(event.phase, event.at);
    if (row.hosts.get(event.host)?.state === 'applied') row.appliedHosts -= 1;
    if (event.state === 'done') row.appliedHosts += 1;
    if (event.state === 'failed') row.failedHosts.set(event.host, event.message ?? 'failed');
    const state = event.state === 'started' ? 'applying' : event.state === 'done' ? 'applied' : 'failed';
    row.hosts.set(event.host, { state, ...(event.message === undefined ? {} : { message: event.message }) });
    row.expectedHosts = Math.max(row.expectedHosts, row.hosts.size);
  }

  #gate(event: Of<'gate'>): void {
    const row = this.#phase(event.phase, event.at);
    const since = row.appliedAt ?? row.gate?.since ?? event.at;
    const endedAt = event.state === 'waiting' ? {} : { endedAt: event.at };
    row.gate = { answers: event.state === 'passed' ? {} : event.answers, since, ...endedAt };
    if (row.state === 'applying') row.state = 'waiting';
  }

  /** Steps name no phase; those here are certificates, those of the API belong to the phase of it that is open. */
  #step(event: Of<'step'>): void {
    const phases = event.host === 'local' ? (['certificates'] as const) : event.host === 'api' ? API_PHASES : [];
    const row = phases.map((phase) => this.phases.get(phase)).find((own) => own !== undefined && own.open.size > 0);
    if (row !== undefined) row.stepsDone += 1;
  }
}

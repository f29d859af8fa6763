import { exitCodeOf, KbinError } from '../errors.ts';
import type { Facts } from '../model/facts.ts';
import type { HostName } from '../model/inventory.ts';
import type { Plan, Step, Wave } from '../model/plan.ts';
import { quorumFault } from '../plan/quorum.ts';
import { applyHost, forget, type ApplyContext } from './apply.ts';
import type { Engine } from './engine.ts';
import { fanOut } from './fanOut.ts';
import type { ClusterLock } from './lock.ts';
import { observeLocal } from './observe.ts';
import { Uploads } from './uploads.ts';

/** Objects applied at once. */
const API_AT_ONCE = 8;

export interface RunOptions {
  /** Hosts that may fail before the run stops. */
  maxFail: number;
  /** How long every gate waits, instead of its own limit. */
  gateSeconds?: number;
}

export interface RunResult {
  changed: number;
  failed: Map<HostName, unknown>;
}

/** One execution of a plan: waves as a graph, each after those it names, hosts of a wave side by side. */
export class Run {
  readonly #engine: Engine;
  readonly #plan: Plan;
  readonly #lock: ClusterLock;
  readonly #options: RunOptions;
  readonly #failed: Map<HostName, unknown>;
  #context: ApplyContext;
  readonly #abort = new AbortController();
  #changed = 0;

  constructor(input: { engine: Engine; plan: Plan; facts: Facts; lock: ClusterLock; options: RunOptions }) {
    this.#engine = input.engine;
    this.#plan = input.plan;
    this.#lock = input.lock;
    this.#options = input.options;
    this.#failed = unreachableHosts(input.facts);
    this.#context = {
      engine: input.engine,
      token: input.lock.token,
      facts: input.facts,
      clusterId: input.facts.local.clusterId ?? '',
    };
  }

  /** @throws the first failure that stopped the run; failures within `maxFail` are in the result. */
  async execute(): Promise<RunResult> {
    const uploads = await Uploads.start(this.#engine, this.#plan, this.#context.facts);
    const passed = new Map<string, Promise<void>>();
    for (const wave of this.#plan.waves) {
      const before = wave.after.flatMap((id) => passed.get(id) ?? []);
      const done = Promise.all(before).then(() => this.#wave(wave, uploads));
      done.catch(() => undefined);
      passed.set(wave.id, done);
    }
    try {
      const outcomes = await Promise.allSettled(passed.values());
      const errors = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
      // Waves that were given up because another one failed are not the news.
      const [first] = [...errors.filter((error) => !isInterruption(error)), ...errors];
      if (first !== undefined) throw first as Error;
    } finally {
      this.#abort.abort();
      await uploads.stop();
    }
    return { changed: this.#changed, failed: this.#failed };
  }

  get #isStopped(): boolean {
    return this.#abort.signal.aborted || this.#engine.signal.aborted;
  }

  async #wave(wave: Wave, uploads: Uploads): Promise<void> {
    if (this.#isStopped) throw interrupted(wave.id);
    this.#lock.assertHeld();
    const tell = (state: 'started' | 'applied' | 'done' | 'failed'): void =>
      this.#engine.emit({
        type: 'wave',
        wave: wave.id,
        phase: wave.phase,
        state,
        steps: wave.steps.length,
        hosts: new Set(wave.steps.map((step) => step.host).filter((host) => wave.hosts.includes(host))).size,
        at: this.#engine.clock.now(),
      });
    tell('started');
    try {
      await this.#issue(wave.steps.filter((step) => step.host === 'local'));
      this.#assertQuorum(wave);
      await this.#applyHosts(wave, uploads);
      this.#assertQuorum({ ...wave, steps: [] });
      await this.#applyObjects(wave.steps.filter((step) => step.host === 'api'));
      tell('applied');
      await this.#gate(wave);
      tell('done');
    } catch (error) {
      this.#abort.abort();
      tell('failed');
      throw error;
    }
  }

  /** Before a wave for what it stops, after it for the members that it lost. */
  #assertQuorum(wave: Wave): void {
    const { facts, engine } = this.#context;
    const fault = quorumFault({ inventory: engine.inventory, facts }, wave, this.#failed);
    if (fault === undefined) return;
    throw new KbinError('HOSTS', fault, {
      evidence: [...this.#failed].flatMap(([host, error]) => describe(host, error)),
      hint: 'Bring them back and run the same command again.',
    });
  }

  async #issue(steps: readonly Step[]): Promise<void> {
    if (steps.length === 0) return;
    const { pki, clock } = this.#engine;
    const specs = steps.flatMap(({ action }) => (action.do === 'issue' ? [action.spec] : []));
    await pki.issueAll(specs, clock.now());
    for (const { action } of steps) if (action.do === 'issue-key') await pki.issueKeyPair(action.spec);
    for (const step of steps) this.#done(step);
    const local = await observeLocal(this.#engine);
    this.#context = {
      ...this.#context,
      facts: { ...this.#context.facts, local },
      clusterId: local.clusterId ?? '',
    };
  }

  #done(step: Step): void {
    this.#changed += 1;
    this.#engine.emit({
      type: 'step',
      step: step.id,
      host: step.host,
      verb: step.action.do,
      result: 'done',
      at: this.#engine.clock.now(),
    });
  }

  async #applyHosts(wave: Wave, uploads: Uploads): Promise<void> {
    const byHost = new Map<HostName, Step[]>();
    for (const step of wave.steps) {
      if (step.host === 'local' || step.host === 'api') continue;
      byHost.set(step.host, [...(byHost.get(step.host) ?? []), step]);
    }
    const hosts = [...byHost.keys()].filter((host) => !this.#failed.has(host));
    const answers = await fanOut(hosts, this.#engine.parallel, async (host) => {
      if (this.#isStopped) throw interrupted(`${wave.id} on ${host}`);
      await this.#applyHost(wave, host, { steps: byHost.get(host) ?? [], uploads });
    });
    const errors = answers.flatMap((answer) => (answer.ok ? [] : [answer.error]));
    this.#stopWhenTooMany(errors.filter((error) => !isInterruption(error)));
    const givenUp = errors.find(isInterruption);
    if (givenUp !== undefined) throw givenUp;
  }

  async #applyHost(wave: Wave, host: HostName, work: { steps: Step[]; uploads: Uploads }): Promise<void> {
    const { clock, emit } = this.#engine;
    const tell = (state: 'started' | 'done' | 'failed', message?: string): void =>
      emit({
        type: 'apply',
        wave: wave.id,
        phase: wave.phase,
        host,
        state,
        steps: work.steps.length,
        ...(message === undefined ? {} : { message }),
        at: clock.now(),
      });
    // While it waited, a wave beside this one may have lost the host.
    if (this.#failed.has(host)) return;
    tell('started');
    try {
      await work.uploads.ready(host, wave.phase);
      if (this.#isStopped || this.#failed.has(host)) throw interrupted(`${wave.id} on ${host}`);
      this.#lock.assertHeld();
      const own = work.steps.filter((step) => step.action.do !== 'binary');
      await applyHost(this.#context, host, own);
      if (wave.phase === 'cleanup') await forget(this.#context, host, own);
      this.#changed += work.steps.length;
      tell('done');
    } catch (error) {
      if (isInterruption(error) && this.#failed.has(host)) return;
      if (isInterruption(error)) throw error;
      this.#failed.set(host, error);
      work.uploads.abandon(host);
      tell('failed', error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  #stopWhenTooMany(errors: readonly unknown[]): void {
    if (errors.length === 0 || this.#failed.size <= this.#options.maxFail) return;
    const [first] = errors;
    if (this.#failed.size === 1) throw first;
    const codes = new Set(errors.map(exitCodeOf));
    const code = codes.size === 1 && first instanceof KbinError ? first.code : 'HOSTS';
    throw new KbinError(code, `${this.#failed.size} hosts failed, ${this.#options.maxFail} may`, {
      evidence: [...this.#failed].flatMap(([host, error]) => describe(host, error)),
      hint: 'Mend these hosts and run the same command again.',
    });
  }

  async #applyObjects(steps: readonly Step[]): Promise<void> {
    if (steps.length === 0) return;
    const { engine } = this.#context;
    const api = engine.world.api(this.#failed);
    const answers = await fanOut(steps, API_AT_ONCE, async (step) => {
      const { action } = step;
      if (action.do === 'apply') await api.serverSideApply(action.object);
      if (action.do === 'node' && !this.#failed.has(action.settings.host)) await api.applyNodeSettings(action.settings);
      this.#done(step);
    });
    const broken = answers.find((answer) => !answer.ok);
    if (broken !== undefined) throw broken.error;
  }

  async #gate(wave: Wave): Promise<void> {
    if (wave.gate === undefined) return;
    const hosts = wave.hosts.filter((host) => !this.#failed.has(host));
    if (hosts.length === 0) {
      throw new KbinError('HOSTS', `no host is left in ${wave.phase}`, {
        hint: 'Mend the failed hosts and run again.',
      });
    }
    const { engine } = this.#context;
    const withinSeconds = this.#options.gateSeconds ?? wave.gate.withinSeconds;
    const signal = AbortSignal.any([engine.signal, this.#abort.signal]);
    await engine.world.passGate(
      { wave: wave.id, phase: wave.phase, gate: { ...wave.gate, withinSeconds }, hosts },
      signal,
    );
  }
}

/** Hosts that could not be observed, with why. */
export const unreachableHosts = ({ unreachable }: Facts): Map<HostName, unknown> =>
  new Map(Object.entries(unreachable).map(([host, { code, message }]) => [host, new Error(`${code} ${message}`)]));

const isInterruption = (error: unknown): error is KbinError =>
  error instanceof KbinError && error.code === 'INTERRUPTED';

const interrupted = (what: string): KbinError =>
  new KbinError('INTERRUPTED', `interrupted: ${what} was not started`, {
    hint: 'Run the same command again: it goes on.',
  });

const describe = (host: HostName, error: unknown): string[] => {
  const message = error instanceof Error ? error.message : String(error);
  const evidence = error instanceof KbinError ? error.evidence.map((line) => `    ${line}`) : [];
  return [`${host}: ${message}`, ...evidence];
};

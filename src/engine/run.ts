import { KbinError } from '../errors.ts';
import type { Facts } from '../model/facts.ts';
import { hostsWith, type HostName } from '../model/inventory.ts';
import type { Plan, Step, Wave } from '../model/plan.ts';
import { restartsLive } from '../plan/quorum.ts';
import { applyHost, forget, type ApplyContext } from './apply.ts';
import { applyObjects } from './applyObjects.ts';
import type { Engine } from './engine.ts';
import { Failures, type Allowance } from './failures.ts';
import { fanOut } from './fanOut.ts';
import { interrupted, isInterruption } from './interruption.ts';
import { issueCertificates } from './issue.ts';
import type { ClusterLock } from './lock.ts';
import { observeLocal } from './observe.ts';
import { unitStepsOf } from './unsettled.ts';
import { Uploads } from './uploads.ts';
import { assertQuorum, passWaveGate, type WaveGround } from './waveGate.ts';

export interface RunOptions extends Allowance {
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
  readonly #failures: Failures;
  #context: ApplyContext;
  readonly #abort = new AbortController();
  #changed = 0;

  constructor(input: { engine: Engine; plan: Plan; facts: Facts; lock: ClusterLock; options: RunOptions }) {
    this.#engine = input.engine;
    this.#plan = input.plan;
    this.#lock = input.lock;
    this.#options = input.options;
    this.#failures = new Failures(input.facts, input.options);
    this.#context = {
      engine: input.engine,
      token: input.lock.token,
      facts: input.facts,
      clusterId: input.facts.local.clusterId ?? '',
      unitSteps: unitStepsOf(input.plan),
    };
  }

  /** @throws the first failure that stopped the run; failures within `maxFail` are in the result. */
  async execute(): Promise<RunResult> {
    const uploads = await Uploads.start(this.#context, this.#plan, this.#failures);
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
    return { changed: this.#changed, failed: this.#failures.counted() };
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
      assertQuorum(this.#ground, wave);
      await this.#applyHosts(wave, uploads);
      // Now for the members that the wave lost.
      assertQuorum(this.#ground, { ...wave, steps: [] });
      await this.#applyObjects(wave.steps.filter((step) => step.host === 'api'));
      tell('applied');
      await passWaveGate(this.#ground, wave);
      tell('done');
    } catch (error) {
      this.#abort.abort();
      tell('failed');
      throw error;
    }
  }

  get #ground(): WaveGround {
    const { engine, facts } = this.#context;
    const signal = AbortSignal.any([engine.signal, this.#abort.signal]);
    return { ...this.#options, engine, facts, failures: this.#failures, signal };
  }

  async #issue(steps: readonly Step[]): Promise<void> {
    if (steps.length === 0) return;
    await issueCertificates(this.#engine, steps);
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
    const hosts = [...byHost.keys()].filter((host) => !this.#failures.has(host));
    const answers = await fanOut(hosts, this.#engine.parallel, async (host) => {
      if (this.#isStopped) throw interrupted(`${wave.id} on ${host}`);
      await this.#applyHost(wave, host, { steps: byHost.get(host) ?? [], uploads });
    });
    const errors = answers.flatMap((answer) => (answer.ok ? [] : [answer.error]));
    this.#failures.stopWhenTooMany(errors.filter((error) => !isInterruption(error)));
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
    if (this.#failures.has(host)) return;
    tell('started');
    try {
      await work.uploads.ready(host, wave.phase);
      if (this.#isStopped || this.#failures.has(host)) throw interrupted(`${wave.id} on ${host}`);
      this.#lock.assertHeld();
      const own = work.steps.filter((step) => step.action.do !== 'binary');
      if (wave.phase === 'etcd' && restartsLive(own, host, this.#context.facts)) await this.#handOver(host);
      await applyHost(this.#context, host, own);
      if (wave.phase === 'cleanup') await forget(this.#context, host, own);
      this.#changed += work.steps.length;
      tell('done');
    } catch (error) {
      if (isInterruption(error) && this.#failures.has(host)) return;
      if (isInterruption(error)) throw error;
      this.#failures.add(host, error);
      tell('failed', error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  /** Its own way out of a leadership when it is stopped is the same, only unseen: whatever hinders it here is told. */
  async #handOver(host: HostName): Promise<void> {
    const { inventory, world, emit, clock } = this.#engine;
    if (inventory.etcd.external !== undefined) return;
    const members = hostsWith(inventory, 'etcd').map(({ name }) => name);
    const others = members.filter((name) => name !== host && !this.#failures.has(name));
    try {
      await world.yieldLeadership(host, others);
    } catch (error) {
      if (!(error instanceof KbinError)) throw error;
      const message = `restarts without having handed over: ${error.message}`;
      emit({ type: 'warning', message, host, at: clock.now() });
    }
  }

  async #applyObjects(steps: readonly Step[]): Promise<void> {
    if (steps.length === 0) return;
    await this.#lock.assertStillHeld();
    await applyObjects(this.#ground, steps, (step) => this.#done(step));
  }
}

import { PHASE_TABLE } from '../catalog/phases.ts';
import { PLACES } from '../catalog/places.ts';
import { KbinError } from '../errors.ts';
import type { CachedArtifact } from '../model/facts.ts';
import type { Encoding } from '../model/ports.ts';
import type { HostName } from '../model/inventory.ts';
import type { PhaseName } from '../model/phase.ts';
import { stepsOf, type Plan, type Step } from '../model/plan.ts';
import type { ApplyContext } from './apply.ts';
import type { Engine } from './engine.ts';
import type { Failures } from './failures.ts';
import { openHost, openingOf } from './opening.ts';
import pLimit from 'p-limit';

/** Streams to one host at once: two keep the link busy while the host hashes. */
const STREAMS_PER_HOST = 2;
const ATTEMPTS = 3;

const rank = (phase: PhaseName): number => PHASE_TABLE.findIndex((row) => row.name === phase);

interface Parcel {
  step: Step;
  artifact: CachedArtifact;
  target: string;
  mode: string;
  encoding: Encoding;
}

async function parcelOf(engine: Engine, step: Step, programs: readonly string[]): Promise<Parcel | undefined> {
  const { action } = step;
  if (action.do !== 'binary' && action.do !== 'image') return undefined;
  const ref = action.do === 'binary' ? action.binary.artifact : action.image.artifact;
  const artifact = await engine.cache.find(ref);
  if (artifact?.sha256 !== action.sha256) {
    throw new KbinError('CACHE', `${ref.component} ${ref.version} ${ref.name} is no longer in the cache as planned`, {
      hint: 'Run kbin plan again.',
    });
  }
  const target = action.do === 'binary' ? action.binary.path : `${PLACES.objects}/${action.sha256}`;
  const encoding = artifact.zstdBytes !== undefined && programs.includes('zstd') ? 'zstd' : 'gzip';
  return { step, artifact, target, encoding, mode: action.do === 'binary' ? '0755' : '0600' };
}

async function send({ engine, token }: ApplyContext, host: HostName, parcel: Parcel): Promise<void> {
  const { artifact, target, mode, encoding } = parcel;
  const work = { sha256: artifact.sha256, bytes: artifact.bytes, target, mode, encoding, run: engine.run, token };
  for (let attempt = 1; ; attempt += 1) {
    try {
      const source = await engine.cache.openCompressed(artifact, encoding);
      const result = await engine.world
        .host(host)
        .upload(work, source)
        .finally(() => source.destroy());
      if (result.ok) return;
      throw new KbinError(
        result.reason === 'stale' ? 'STALE' : 'STEP',
        `${host}: upload of ${artifact.name}: ${result.message}`,
        {
          host,
          step: parcel.step.id,
          hint: result.hint,
        },
      );
    } catch (error) {
      // A staged upload that broke off leaves nothing under its name, so that sending it again is safe.
      const isLost = error instanceof KbinError && error.code === 'CONNECT';
      if (!isLost || attempt === ATTEMPTS) throw error;
    }
  }
}

/** A failure is the wave's to report; until it asks, it must not count as unhandled. */
function awaited(work: Promise<void>): Promise<void> {
  work.catch(() => undefined);
  return work;
}

/** What there is to send to each host, in the order of the phases. All is looked up before one is sent. */
async function parcelsOf({ engine, facts }: ApplyContext, plan: Plan): Promise<Map<HostName, Parcel[]>> {
  const byHost = new Map<HostName, Step[]>();
  for (const step of stepsOf(plan)) byHost.set(step.host, [...(byHost.get(step.host) ?? []), step]);
  const parcels = new Map<HostName, Parcel[]>();
  for (const [host, steps] of byHost) {
    const sorted = [...steps].sort((a, b) => rank(a.phase) - rank(b.phase));
    const found = sorted.map((step) => parcelOf(engine, step, facts.hosts[host]?.programs ?? []));
    parcels.set(
      host,
      (await Promise.all(found)).flatMap((parcel) => parcel ?? []),
    );
  }
  return parcels;
}

/** Uploads of one run: they start at once, in the order of the phases, and each wave waits only for its own. */
export class Uploads {
  readonly #opened = new Map<HostName, Promise<void>>();
  readonly #pending = new Map<string, Promise<void>[]>();
  readonly #abort = new AbortController();
  readonly #failures: Pick<Failures, 'has'>;

  private constructor(failures: Pick<Failures, 'has'>) {
    this.#failures = failures;
  }

  /** Starts nothing for a host that has failed by then. */
  static async start(context: ApplyContext, plan: Plan, failures: Pick<Failures, 'has'>): Promise<Uploads> {
    const uploads = new Uploads(failures);
    for (const [host, parcels] of await parcelsOf(context, plan)) uploads.#startHost(context, host, parcels);
    return uploads;
  }

  #startHost(context: ApplyContext, host: HostName, parcels: readonly Parcel[]): void {
    const opening = openingOf(
      context,
      host,
      parcels.map(({ step }) => step),
    );
    if (opening !== undefined) this.#opened.set(host, awaited(openHost(context, host, opening)));
    const limit = pLimit(STREAMS_PER_HOST);
    for (const parcel of parcels) {
      const key = `${host} ${parcel.step.phase}`;
      const sent = awaited(limit(() => this.#sendOne(context, host, parcel)));
      this.#pending.set(key, [...(this.#pending.get(key) ?? []), sent]);
    }
  }

  async #sendOne(context: ApplyContext, host: HostName, parcel: Parcel): Promise<void> {
    const { engine } = context;
    await this.#opened.get(host);
    if (this.#abort.signal.aborted || this.#failures.has(host))
      throw new KbinError('INTERRUPTED', `upload of ${parcel.artifact.name} to ${host} was not started`);
    const { name, bytes, zstdBytes } = parcel.artifact;
    const compressedBytes = (parcel.encoding === 'zstd' ? zstdBytes : undefined) ?? parcel.artifact.compressedBytes;
    const tell = (state: 'started' | 'done' | 'failed', message?: string): void =>
      engine.emit({
        type: 'upload',
        host,
        artifact: name,
        bytes,
        compressedBytes,
        state,
        ...(message === undefined ? {} : { message }),
        at: engine.clock.now(),
      });
    tell('started');
    try {
      await send(context, host, parcel);
      tell('done');
      if (parcel.step.action.do === 'binary') {
        engine.emit({
          type: 'step',
          step: parcel.step.id,
          host,
          verb: 'binary',
          result: 'done',
          at: engine.clock.now(),
        });
      }
    } catch (error) {
      tell('failed', error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  /** Resolves when everything that a host needs for a phase is there, and nothing writes its list of what is owned. */
  async ready(host: HostName, phase: PhaseName): Promise<void> {
    await this.#opened.get(host);
    await Promise.all(this.#pending.get(`${host} ${phase}`) ?? []);
  }

  /** Starts nothing more and waits for what is under way. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await Promise.allSettled([...this.#pending.values()].flat());
  }
}

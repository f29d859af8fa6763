import type { Event } from '../model/event.ts';
import type { HostName } from '../model/inventory.ts';
import type { PhaseName } from '../model/phase.ts';

type Of<T extends Event['type']> = Extract<Event, { type: T }>;

/** A stretch of time, in milliseconds since the epoch. Without an end in the events it lasts until the last of them. */
export interface Span {
  start: number;
  end: number;
  outcome: 'done' | 'failed' | 'unfinished';
}

export interface WaveSpan extends Span {
  wave: string;
  phase: PhaseName;
  /** From here on it waited for its gate; its end where it has none or did not come so far. */
  appliedAt: number;
}
export interface ApplySpan extends Span {
  host: HostName;
  phase: PhaseName;
}
export interface UploadSpan extends Span {
  host: HostName;
  artifact: string;
  compressedBytes: number;
}

export interface Spans {
  start: number;
  end: number;
  observe: Span | undefined;
  waves: WaveSpan[];
  applies: ApplySpan[];
  uploads: UploadSpan[];
}

/** Opens and closes spans by key; the same key may come again. */
class Opened<T extends Span> {
  readonly all: T[] = [];
  readonly #open = new Map<string, T>();

  open(key: string, span: T): void {
    this.all.push(span);
    this.#open.set(key, span);
  }

  at(key: string): T | undefined {
    return this.#open.get(key);
  }

  close(key: string, at: number, outcome: Span['outcome']): void {
    const span = this.#open.get(key);
    if (span === undefined) return;
    this.#open.delete(key);
    Object.assign(span, { end: at, outcome });
  }
}

const outcomeOf = (state: string): Span['outcome'] => (state === 'failed' ? 'failed' : 'done');

/** Of a command of several deploys the first: later ones are short, and lie between waves. */
function observeSpan(all: readonly Event[]): Span | undefined {
  const planned = all.findIndex((event) => event.type === 'planned');
  const events = planned < 0 ? all : all.slice(0, planned);
  const hosts = events.filter((event) => event.type === 'host');
  const [first] = hosts;
  const last = hosts.at(-1);
  if (first === undefined || last === undefined) return undefined;
  return { start: first.at, end: last.at, outcome: last.state === 'connecting' ? 'unfinished' : 'done' };
}

/** What took how long in a run, in the order of its beginning. */
export function spansOf(events: readonly Event[]): Spans {
  const start = events[0]?.at ?? 0;
  const end = events.reduce((latest, { at }) => Math.max(latest, at), start);
  const waves = new Opened<WaveSpan>();
  const applies = new Opened<ApplySpan>();
  const uploads = new Opened<UploadSpan>();
  const unfinished = (at: number): Span => ({ start: at, end, outcome: 'unfinished' });

  const takeWave = ({ wave, phase, state, at }: Of<'wave'>): void => {
    if (state === 'started') waves.open(wave, { ...unfinished(at), wave, phase, appliedAt: end });
    else if (state === 'applied') Object.assign(waves.at(wave) ?? {}, { appliedAt: at });
    else waves.close(wave, at, outcomeOf(state));
  };
  const takeApply = ({ wave, phase, host, state, at }: Of<'apply'>): void => {
    const key = `${wave} ${host}`;
    if (state === 'started') applies.open(key, { ...unfinished(at), host, phase });
    else applies.close(key, at, outcomeOf(state));
  };
  const takeUpload = ({ host, artifact, compressedBytes, state, at }: Of<'upload'>): void => {
    const key = `${host} ${artifact}`;
    if (state === 'started') uploads.open(key, { ...unfinished(at), host, artifact, compressedBytes });
    else uploads.close(key, at, outcomeOf(state));
  };
  for (const event of events) {
    if (event.type === 'wave') takeWave(event);
    if (event.type === 'apply') takeApply(event);
    if (event.type === 'upload') takeUpload(event);
  }
  for (const wave of waves.all) wave.appliedAt = Math.min(wave.appliedAt, wave.end);
  return { start, end, observe: observeSpan(events), waves: waves.all, applies: applies.all, uploads: uploads.all };
}

export const lengthOf = ({ start, end }: Pick<Span, 'start' | 'end'>): number => end - start;

/** Milliseconds that at least one of the spans covers. */
export function coveredMilliseconds(spans: readonly Pick<Span, 'start' | 'end'>[]): number {
  let covered = 0;
  let until = -Infinity;
  for (const { start, end } of [...spans].sort((a, b) => a.start - b.start)) {
    covered += Math.max(0, end - Math.max(start, until));
    until = Math.max(until, end);
  }
  return covered;
}

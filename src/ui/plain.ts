import type { Event } from '../model/event.ts';
import { plainLine } from '../model/plainText.ts';
import { answersText } from './phaseRow.ts';
import { UploadProgress, type Lot } from './uploadProgress.ts';
import { Warnings } from './warnings.ts';
import { counted, size, rate, seconds, someOf } from './words.ts';

/** Uploads are told host by host for so many hosts, in one line for more. */
const HOSTS_LISTED = 12;
/** A gate tells its first answers as they change, then no sooner than this: no event follows when it hangs. */
const GATE_MILLISECONDS = 10_000;
const GATE_LINES = 5;

type Of<T extends Event['type']> = Extract<Event, { type: T }>;

interface WaveCounts {
  hosts: number;
  gateLines: number;
  gateToldAt: number;
  answers: string;
}

/** `etcd`, `node on worker-1, worker-2, worker-3 and 7 more` for one turn of a rolling change, or what is asked before it. */
function labelOf({ wave, phase }: { wave: string; phase: string }): string {
  if (wave === phase) return phase;
  // Gates between the deploys of a rotation say themselves what they are.
  if (!wave.startsWith(`${phase}/`)) return wave;
  if (wave === `${phase}/before`) return `${phase} beforehand`;
  return `${phase} on ${someOf(wave.slice(phase.length + 1).split('+'))}`;
}

const lotText = (to: string, { files, bytes, startedAt, lastAt }: Lot): string => {
  const took = lastAt - startedAt;
  const speed = rate(bytes, took);
  return `uploads: ${to}: ${counted(files, 'file')}, ${size(bytes)} in ${seconds(took)}${speed === undefined ? '' : ` (${speed})`}`;
};

const joinedLot = (lots: readonly Lot[]): Lot => ({
  files: lots.reduce((sum, lot) => sum + lot.files, 0),
  bytes: lots.reduce((sum, lot) => sum + lot.bytes, 0),
  startedAt: Math.min(...lots.map((lot) => lot.startedAt)),
  lastAt: Math.max(...lots.map((lot) => lot.lastAt)),
});

/** A run told in lines: one for each happening of weight, with the seconds since it began. */
export class Plain {
  readonly #uploads = new UploadProgress();
  readonly #warnings = new Warnings();
  readonly #waves = new Map<string, WaveCounts>();
  #startedAt: number | undefined;
  #hosts = 0;
  #observed = 0;

  /** The lines that an event is worth; mostly none. */
  linesOf(event: Event): string[] {
    this.#startedAt ??= event.at;
    const since = ((event.at - this.#startedAt) / 1000).toFixed(1).padStart(5);
    const idle = this.#isTimeForUploads(event) ? this.#idleUploads() : [];
    return [...idle, ...this.#told(event)].map((text) => `[${since}s] ${text}`);
  }

  #told(event: Event): string[] {
    switch (event.type) {
      case 'run':
        this.#hosts = event.hosts.length;
        return [`${event.command} of cluster ${event.cluster}: ${counted(event.hosts.length, 'host')}`];
      case 'host':
        return this.#host(event);
      case 'planned':
        return this.#planned(event);
      case 'wave':
        return this.#wave(event);
      case 'apply':
        return this.#apply(event);
      case 'upload':
        this.#uploads.take(event);
        return event.state === 'failed' ? [this.#failure(`upload of ${event.artifact}`, event)] : [];
      case 'gate':
        return this.#gate(event);
      case 'warning':
        return [this.#warnings.lineOf(event.message, event.host)].filter((line) => line !== undefined);
      case 'finished':
        return this.#finished(event);
      case 'step':
        return [];
    }
  }

  #failure(what: string, { host, message }: { host: string; message?: string }): string {
    const text = plainLine(message ?? 'no reason was given');
    return `${what}: FAILED on ${host}: ${text.startsWith(`${host}: `) ? text.slice(host.length + 2) : text}`;
  }

  #host(event: Of<'host'>): string[] {
    if (event.state === 'failed') return [this.#failure('observe', event)];
    if (event.state === 'connecting') return [];
    this.#observed += 1;
    return this.#observed === this.#hosts ? [`observed ${counted(this.#observed, 'host')}`] : [];
  }

  #planned({ steps, waves, hosts }: Of<'planned'>): string[] {
    // A command of several deploys begins anew with each.
    this.#waves.clear();
    const some = this.#observed < this.#hosts ? [`observed ${this.#observed} of ${counted(this.#hosts, 'host')}`] : [];
    const plan =
      steps === 0
        ? 'nothing to do'
        : `${counted(steps, 'step')} in ${counted(waves, 'wave')} on ${counted(hosts, 'host')}`;
    return [...some, `plan: ${plan}`];
  }

  #counts(wave: string): WaveCounts {
    const counts = this.#waves.get(wave) ?? { hosts: 0, gateLines: 0, gateToldAt: -Infinity, answers: '' };
    this.#waves.set(wave, counts);
    return counts;
  }

  #wave(event: Of<'wave'>): string[] {
    const { hosts } = this.#counts(event.wave);
    if (event.state === 'failed') return [`${labelOf(event)}: FAILED`];
    // A wave without steps is there for its gate, which speaks for itself.
    if (event.state !== 'applied' || event.steps === 0) return [];
    const what = hosts > 0 ? `applied on ${counted(hosts, 'host')}` : `${counted(event.steps, 'step')} done`;
    return [`${labelOf(event)}: ${what}`];
  }

  #apply(event: Of<'apply'>): string[] {
    if (event.state === 'failed') return [this.#failure(labelOf(event), event)];
    if (event.state === 'done') this.#counts(event.wave).hosts += 1;
    return [];
  }

  #gate(event: Of<'gate'>): string[] {
    const answers = answersText(event.answers);
    if (event.state === 'passed') return [`${labelOf(event)}: gate passed`];
    if (event.state === 'failed') return [`${labelOf(event)}: gate FAILED: ${answers}`];
    const counts = this.#counts(event.wave);
    const isTooSoon = counts.gateLines >= GATE_LINES && event.at - counts.gateToldAt < GATE_MILLISECONDS;
    if (answers === '' || answers === counts.answers || isTooSoon) return [];
    Object.assign(counts, { answers, gateLines: counts.gateLines + 1, gateToldAt: event.at });
    return [`${labelOf(event)}: gate waits: ${answers}`];
  }

  /** Not between the files of a host; for many hosts with the waves only. */
  #isTimeForUploads({ type }: Event): boolean {
    if (type === 'finished') return true;
    if (this.#hosts > HOSTS_LISTED) return type === 'wave' && this.#uploads.underWay.size === 0;
    return type !== 'upload' && type !== 'step';
  }

  #idleUploads(): string[] {
    const lots = this.#uploads.takeIdleLots();
    const isFolded = lots.length > HOSTS_LISTED;
    if (isFolded) return [lotText(counted(lots.length, 'host'), joinedLot(lots.map(([, lot]) => lot)))];
    return lots.map(([host, lot]) => lotText(host, lot));
  }

  #finished(event: Of<'finished'>): string[] {
    // A command that only looked has said everything by then.
    if (event.ok && event.changed === 0) return this.#warnings.rest();
    const failed = event.failedHosts.length === 0 ? '' : `, failed: ${event.failedHosts.join(', ')}`;
    const how = event.ok ? 'finished' : `FAILED with exit code ${event.exitCode}`;
    return [
      ...this.#warnings.rest(),
      `${how}: ${counted(event.changed, 'step')} changed in ${seconds(event.seconds * 1000)}${failed}`,
    ];
  }
}

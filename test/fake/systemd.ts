import { PLACES } from '../../src/catalog/places.ts';
import type { UnitFact } from '../../src/model/facts.ts';
import type { Action } from '../../src/model/plan.ts';
import { file, type Disk, type Entry } from './disk.ts';

/** What the programs of other hosts mean for those of this one. */
export interface Surroundings {
  /** Why a program cannot run now although its files are there. */
  obstacle(unit: string): string | undefined;
  /** Whether a program that runs is ready; etcd is not before it joined a quorum. */
  isReady(unit: string): boolean;
  /** A program was started by a step, or by systemd itself. */
  launched(unit: string, by: 'step' | 'systemd'): void;
  ended(unit: string): void;
}

interface State {
  process: 'none' | 'starting' | 'running';
  /** systemd starts it again when it ends. */
  isWanted: boolean;
  isEnabled: boolean;
  restarts: number;
  /** Everything that was on the disk when the process started. */
  ranWith: ReadonlyMap<string, Entry>;
}

/** What `start` of apply.sh is told. */
type Started = Pick<Extract<Action, { do: 'unit' }>, 'unit' | 'verb' | 'start'> & { stamp: string };

/** A program goes on for so long after `systemctl restart --no-block` returned, and then is away for so long. */
const LINGERS_MILLISECONDS = 600;
const AWAY_MILLISECONDS = 400;

/** `systemctl` failed. The message is what it said. */
export class CommandFailure extends Error {
  readonly journal: string[];

  constructor(message: string, journal: string[] = []) {
    super(message);
    this.journal = journal;
  }
}

const stampPath = (unit: string): string => `${PLACES.started}/${unit}`;
const unitPath = (unit: string): string => `${PLACES.units}/${unit}`;

/** systemd of one machine: units run when their files, programs and users are there. */
export class Systemd {
  readonly states = new Map<string, State>();
  readonly #disk: Disk;
  readonly #users: ReadonlySet<string>;
  readonly #around: Surroundings;
  /** Counts boots: what was scheduled before one is void. */
  #boot = 0;

  constructor(disk: Disk, users: ReadonlySet<string>, around: Surroundings) {
    this.#disk = disk;
    this.#users = users;
    this.#around = around;
  }

  isRunning(unit: string): boolean {
    return this.states.get(unit)?.process === 'running';
  }

  isAlive(unit: string): boolean {
    return (this.states.get(unit)?.process ?? 'none') !== 'none';
  }

  fact(unit: string): UnitFact {
    this.settle();
    const state = this.#state(unit);
    const stamp = this.#disk.text(stampPath(unit))?.trim() ?? '';
    const active = { running: 'active', starting: 'activating', none: state.isWanted ? 'activating' : 'inactive' };
    return {
      load: this.#disk.at(unitPath(unit)) === undefined ? 'not-found' : 'loaded',
      active: active[state.process],
      sub: state.process === 'none' ? (state.isWanted ? 'auto-restart' : 'dead') : state.process,
      enabled: state.isEnabled,
      restarts: state.restarts,
      ...(stamp === '' ? {} : { startedWith: stamp }),
    };
  }

  enable(unit: string): void {
    if (this.#disk.at(unitPath(unit)) === undefined) throw new CommandFailure(`Unit ${unit} does not exist.`);
    this.#state(unit).isEnabled = true;
  }

  /** The same as `doubt` of apply.sh: nothing says any more what they were started with, only that they were. */
  *doubt(units: readonly string[]): Generator<string, void> {
    for (const word of units) {
      const unit = word.replace(/^\+/, '');
      const stamp = this.#disk.text(stampPath(unit)) ?? '';
      if (stamp === '') continue;
      const known = word === unit ? '' : `${stamp.trim().split(' ')[0]} `;
      this.#disk.put(stampPath(unit), file(`${known}unknown\n`, '0600'));
      yield `no stamp of ${unit}`;
    }
  }

  /** The same as `start` of apply.sh. */
  *start({ unit, verb, start: mode, stamp }: Started): Generator<string, void> {
    yield* this.doubt([verb === 'reload' ? `+${unit}` : unit]);
    const state = this.#state(unit);
    state.isWanted = true;
    if (verb === 'restart' && state.process !== 'none' && mode === 'queued') this.#restartLater(unit);
    else {
      if (verb === 'reload') {
        if (state.process !== 'running') throw new CommandFailure(`Unit ${unit} is not active.`);
        state.ranWith = new Map(this.#disk.entries);
      }
      if (verb === 'restart' && state.process !== 'none') {
        this.#end(unit);
        yield `${unit} is stopped`;
        yield `${unit} is still stopped`;
      }
      if (state.process === 'none') this.#launch(unit, 'step');
      if (mode === 'ready' && state.process !== 'running') {
        throw new CommandFailure(`Job for ${unit} failed.`, [this.#fault(unit) ?? 'timed out']);
      }
    }
    yield `${unit} is started`;
    this.#disk.put(stampPath(unit), file(`${stamp}\n`, '0600'));
  }

  stop(unit: string): void {
    const state = this.#state(unit);
    if (state.process !== 'none') this.#end(unit);
    state.isWanted = false;
    state.isEnabled = false;
    this.#disk.remove(stampPath(unit));
  }

  /** An operator's hand: stopped without kbin's knowledge. */
  halt(unit: string): void {
    this.#end(unit);
    this.#state(unit).isWanted = false;
  }

  /** An operator's hand again: restarted with whatever is on the disk. */
  bounce(unit: string): void {
    this.#end(unit);
    this.#launch(unit, 'systemd');
  }

  /** What systemd does by itself as time goes on: it starts again what is wanted and can run now. */
  settle(): void {
    for (const [unit, state] of this.states) {
      if (state.isWanted && state.process === 'none') this.#launch(unit, 'systemd');
      if (state.process === 'starting' && this.#around.isReady(unit)) state.process = 'running';
    }
  }

  powerOff(): void {
    this.#boot += 1;
    for (const [unit, state] of this.states) {
      if (state.process !== 'none') this.#end(unit);
      state.isWanted = false;
    }
  }

  reboot(): void {
    this.#boot += 1;
    for (const [unit, state] of this.states) {
      if (state.process !== 'none') this.#end(unit);
      state.isWanted = state.isEnabled;
    }
    this.settle();
  }

  #restartLater(unit: string): void {
    const boot = this.#boot;
    const isCurrent = (): boolean => boot === this.#boot && this.#state(unit).isWanted;
    setTimeout(() => {
      if (isCurrent()) this.#end(unit);
      this.#state(unit).isWanted = false;
    }, LINGERS_MILLISECONDS);
    setTimeout(() => {
      if (boot !== this.#boot) return;
      this.#state(unit).isWanted = true;
      this.settle();
    }, LINGERS_MILLISECONDS + AWAY_MILLISECONDS);
  }

  #launch(unit: string, by: 'step' | 'systemd'): void {
    const state = this.#state(unit);
    if (this.#fault(unit) !== undefined) {
      state.restarts += 1;
      return;
    }
    state.process = 'starting';
    state.ranWith = new Map(this.#disk.entries);
    this.#around.launched(unit, by);
    if (this.#around.isReady(unit)) state.process = 'running';
  }

  #end(unit: string): void {
    this.#state(unit).process = 'none';
    this.#around.ended(unit);
  }

  /** Why a unit cannot run: a file that its command names is missing, its user, or something around it. */
  #fault(unit: string): string | undefined {
    const text = this.#disk.text(unitPath(unit));
    if (text === undefined) return `Unit ${unit} not found.`;
    const value = (key: string): string | undefined =>
      new RegExp(`^${key}=((?:.*\\\\\\n)*.*)$`, 'm').exec(text)?.[1]?.replaceAll('\\\n', ' ');
    const command = value('ExecStart') ?? '';
    const program = command.split(' ')[0] ?? '';
    if (this.#disk.behind(program)?.type !== 'file') return `Failed to execute ${program}: No such file or directory`;
    const named = [...`${command} ${value('EnvironmentFile') ?? ''}`.matchAll(/\/etc\/[^\s,"=]+/g)].map(
      ([path]) => path,
    );
    const missing = named.find((path) => this.#disk.behind(path) === undefined);
    if (missing !== undefined) return `open ${missing}: no such file or directory`;
    const user = value('User');
    if (user !== undefined && !this.#users.has(user)) return `Failed to determine user credentials of ${user}`;
    return this.#around.obstacle(unit);
  }

  #state(unit: string): State {
    const known = this.states.get(unit);
    if (known !== undefined) return known;
    const fresh: State = { process: 'none', isWanted: false, isEnabled: false, restarts: 0, ranWith: new Map() };
    this.states.set(unit, fresh);
    return fresh;
  }
}

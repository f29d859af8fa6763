import { PLACES } from '../../src/catalog/places.ts';
import type { Action, Step } from '../../src/model/plan.ts';
import type { ApplyFailure, ApplyInput, ApplyResult } from '../../src/remote/apply.ts';
import { stepLines } from '../../src/remote/applySteps.ts';
import { ApplyBatch, Failure, NO_SPACE, prune } from './applyBatch.ts';
import { file, type Entry } from './disk.ts';
import type { Script } from './hostScripts.ts';
import type { Machine } from './machine.ts';
import { CommandFailure } from './systemd.ts';

const CODES = { drift: 76, stale: 77, failed: 70 };
/** What a machine does something about, or may leave alone; an apply that asks for more fails. */
const UNDERSTOOD: Record<keyof ApplyInput, true> = {
  ...{ host: true, run: true, token: true, owned: true, steps: true, bodies: true, stamps: true },
  ...{ unsettles: true, binDir: true },
};
const isStaged = ({ action }: Step): boolean => ['file', 'pair', 'link'].includes(action.do);

/**
 * What apply.sh does to a machine, piece by piece: the process can die at every `yield`. Follows applyPayload,
 * applySteps, applyFiles, applyPlaces and applySystem of src/remote.
 */
export class ApplyScript {
  /** Steps that were finished, in order. */
  readonly done: string[] = [];
  readonly #machine: Machine;
  readonly #input: ApplyInput;
  /** Units whose stamps go with the first change. */
  #unsettles: readonly string[];
  #step = 'setup';

  constructor(machine: Machine, input: ApplyInput) {
    this.#machine = machine;
    this.#input = input;
    const { host, owned, steps, bodies, stamps, unsettles, binDir = '/usr/local/bin' } = input;
    const unknown = Object.keys(input).filter((name) => !(name in UNDERSTOOD));
    if (unknown.length > 0) throw new Error(`a machine does not know ${unknown.join(', ')}`);
    this.#unsettles = unsettles;
    const foreign = steps.find((step) => step.host !== host || step.action.do === 'binary');
    if (foreign !== undefined || host !== machine.name) throw new Error(`${foreign?.id} does not belong here`);
    // The builder itself refuses what must not reach a shell, and what it does not know.
    stepLines(steps, { owned, bodies, stamps, binDir, attach: () => 'body' });
  }

  *run(): Script<ApplyResult> {
    const { token, owned } = this.#input;
    const machine = this.#machine;
    try {
      this.#checkFence();
      machine.fence = token;
      machine.staged.clear();
      yield 'unpacked';
      this.#step = 'owned';
      yield* this.#write(PLACES.owned, file(`${JSON.stringify(owned)}\n`, '0600'));
      if (this.#input.steps.length === 0) yield* this.#unsettle();
      yield* this.#steps();
      return { done: this.done, truncated: false };
    } catch (error) {
      machine.staged.clear();
      return { done: this.done, truncated: false, failed: this.#failed(error) };
    }
  }

  #failed(error: unknown): ApplyFailure {
    const reason = error instanceof Failure ? error.reason : 'failed';
    const message = error instanceof Error ? error.message : String(error);
    const failure = { step: this.#step, reason, code: CODES[reason], message };
    const hasJournal = error instanceof CommandFailure && error.journal.length > 0;
    return hasJournal ? { ...failure, journal: error.journal } : failure;
  }

  *#steps(): Script<void> {
    const { steps } = this.#input;
    for (let at = 0; at < steps.length;) {
      const end = steps.findIndex((step, index) => index > at && isStaged(step) !== isStaged(steps[at]!));
      const group = steps.slice(at, end < 0 ? steps.length : end);
      yield* isStaged(group[0]!) ? this.#batch(group) : this.#oneByOne(group);
      at += group.length;
    }
  }

  #batch(steps: readonly Step[]): Script<void> {
    const batch = new ApplyBatch(this.#machine, this.#input, {
      begin: (step) => {
        this.#step = step;
      },
      finish: (ids) => this.done.push(...ids),
      checkFence: () => this.#checkFence(),
      unsettle: () => this.#unsettle(),
    });
    return batch.run(steps);
  }

  *#unsettle(): Script<void> {
    const units = this.#unsettles;
    this.#unsettles = [];
    yield* this.#machine.systemd.doubt(units);
  }

  *#oneByOne(steps: readonly Step[]): Script<void> {
    for (const step of steps) {
      this.#step = step.id;
      this.#checkFence();
      yield* this.#alone(step);
      yield step.id;
      this.done.push(step.id);
    }
  }

  #checkFence(): void {
    const { fence } = this.#machine;
    if (fence > this.#input.token) throw new Failure('stale', `token ${this.#input.token} is older than ${fence}`);
  }

  *#write(path: string, entry: Entry): Script<void> {
    if (this.#machine.disk.isFull) throw new Failure('failed', NO_SPACE);
    this.#machine.staged.add(path);
    yield `${path} is staged`;
    this.#machine.disk.put(path, entry);
    this.#machine.staged.delete(path);
    yield `${path} is in place`;
  }

  *#alone({ id, action }: Step): Script<void> {
    const { systemd, users } = this.#machine;
    switch (action.do) {
      case 'user':
        users.add(action.user.name);
        return;
      case 'directory':
        return this.#directory(action);
      case 'kernel':
        return yield* this.#kernel(action);
      case 'unit':
        if (action.enable) systemd.enable(action.unit);
        yield `${action.unit} is enabled`;
        return yield* systemd.start({ ...action, stamp: this.#input.stamps.get(id) ?? '' });
      case 'enable':
        return systemd.enable(action.unit);
      case 'stop':
        return systemd.stop(action.unit);
      case 'image':
        return yield* this.#image(action);
      case 'remove':
        yield* this.#unsettle();
        return this.#remove(action.path);
      default:
        throw new Error(`a machine cannot do ${action.do}`);
    }
  }

  #directory({ directory }: Extract<Action, { do: 'directory' }>): void {
    const { disk } = this.#machine;
    const { path, mode, owner } = directory;
    if (disk.behind(path) !== undefined && !disk.isDirectory(path)) {
      throw new Failure('failed', `mkdir: cannot create directory '${path}': File exists`);
    }
    disk.put(disk.real(path) ?? path, { type: 'directory', mode, owner });
  }

  *#kernel({ kernel }: Extract<Action, { do: 'kernel' }>): Script<void> {
    const { disk, modules, sysctls } = this.#machine;
    for (const name of kernel.modules) modules.add(name);
    yield 'modules are loaded';
    for (const [name, value] of Object.entries(kernel.sysctls)) sysctls.set(name, value);
    if (!kernel.swapOff) return;
    this.#machine.swaps = [];
    yield 'swap is off';
    const lines = (disk.text('/etc/fstab') ?? '').replace(/^(?=[^#\n]*\sswap\s)/gm, '# kbin: ');
    yield* this.#write('/etc/fstab', file(lines));
  }

  *#image({ image, sha256: digest }: Extract<Action, { do: 'image' }>): Script<void> {
    const { disk, systemd, images } = this.#machine;
    const ctr = `${this.#input.binDir ?? '/usr/local/bin'}/ctr`;
    const archive = `${PLACES.objects}/${digest}`;
    if (disk.behind(ctr)?.type !== 'file') throw new Failure('failed', `${ctr}: not found`);
    if (!systemd.isRunning('containerd.service')) throw new Failure('failed', 'connection refused: containerd.sock');
    if (disk.at(archive) === undefined) throw new Failure('failed', `open ${archive}: no such file or directory`);
    images.add(image.reference);
    yield `${image.reference} is imported`;
    disk.remove(archive);
  }

  #remove(path: string): void {
    const { disk } = this.#machine;
    const entry = disk.at(path);
    const isPair = entry?.type === 'link' && /\/\.pairs\/[^/]+\.[0-9a-f]{16}$/.test(entry.target);
    if (isPair) prune(this.#machine, entry.target, new Set());
    if (entry?.type !== 'directory' || disk.below(path).length === 0) disk.remove(path);
  }
}

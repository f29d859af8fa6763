import { basename, join } from 'node:path/posix';
import { PLACES } from '../../src/catalog/places.ts';
import { sha256 } from '../../src/model/digest.ts';
import type { Action, Step } from '../../src/model/plan.ts';
import type { ApplyFailure, ApplyInput, ApplyResult } from '../../src/remote/apply.ts';
import { stepLines } from '../../src/remote/applySteps.ts';
import { file, type Entry, type FileEntry } from './disk.ts';
import type { Machine } from './machine.ts';
import { CommandFailure } from './systemd.ts';

/** What one rename of a batch does; without an entry the target is right already. */
interface Staged {
  step: string;
  /** False for the files of a pair: its step is done when the link is switched. */
  ends: boolean;
  path: string;
  entry?: Entry;
}

class Failure extends Error {
  readonly reason: ApplyFailure['reason'];

  constructor(reason: ApplyFailure['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

const NO_SPACE = 'write error: No space left on device';

/**
 * What apply.sh does to a machine, piece by piece: the process can die at every `yield`. Follows applyPayload,
 * applySteps, applyFiles, applyPlaces and applySystem of src/remote.
 */
export class ApplyScript {
  readonly #machine: Machine;
  readonly #input: ApplyInput;
  /** Steps that were finished, in order. */
  readonly done: string[] = [];
  #step = 'setup';
  /** Generations of pairs that stay. */
  readonly #kept = new Set<string>();

  constructor(machine: Machine, input: ApplyInput) {
    this.#machine = machine;
    this.#input = input;
    const { owned, bodies, unitDigests, binDir = '/usr/local/bin' } = input;
    const foreign = input.steps.find((step) => step.host !== input.host || step.action.do === 'binary');
    if (foreign !== undefined || input.host !== machine.name) throw new Error(`${foreign?.id} does not belong here`);
    // The builder itself refuses what must not reach a shell, and what it does not know.
    stepLines(input.steps, { owned, bodies, unitDigests, binDir, attach: () => 'body' });
  }

  *run(): Generator<string, ApplyResult> {
    const { token, owned } = this.#input;
    const machine = this.#machine;
    try {
      if (machine.fence > token) throw new Failure('stale', `token ${token} is older than ${machine.fence}`);
      machine.fence = token;
      machine.staged.clear();
      yield 'unpacked';
      this.#step = 'owned';
      yield* this.#write(PLACES.owned, file(`${JSON.stringify(owned)}\n`, '0600'));
      yield* this.#steps();
      return { done: this.done, truncated: false };
    } catch (error) {
      machine.staged.clear();
      return { done: this.done, truncated: false, failed: this.#failed(error) };
    }
  }

  #failed(error: unknown): ApplyFailure {
    const reason = error instanceof Failure ? error.reason : 'failed';
    const codes = { drift: 76, stale: 77, failed: 70 };
    const message = error instanceof Error ? error.message : String(error);
    const failure = { step: this.#step, reason, code: codes[reason], message };
    return error instanceof CommandFailure && error.journal.length > 0
      ? { ...failure, journal: error.journal }
      : failure;
  }

  *#steps(): Generator<string> {
    const isStaged = ({ action }: Step): boolean => ['file', 'pair', 'link'].includes(action.do);
    const { steps } = this.#input;
    for (let at = 0; at < steps.length;) {
      const end = steps.findIndex((step, index) => index > at && isStaged(step) !== isStaged(steps[at]!));
      const group = steps.slice(at, end < 0 ? steps.length : end);
      if (isStaged(group[0]!)) yield* this.#batch(group);
      else {
        for (const step of group) {
          this.#step = step.id;
          this.#checkFence();
          yield* this.#alone(step);
          this.done.push(step.id);
        }
      }
      at += group.length;
    }
  }

  #checkFence(): void {
    const { fence } = this.#machine;
    if (fence > this.#input.token) throw new Failure('stale', `token ${this.#input.token} is older than ${fence}`);
  }

  *#write(path: string, entry: Entry): Generator<string> {
    if (this.#machine.disk.isFull) throw new Failure('failed', NO_SPACE);
    this.#machine.staged.add(path);
    yield `${path} is staged`;
    this.#machine.disk.put(path, entry);
    this.#machine.staged.delete(path);
    yield `${path} is in place`;
  }

  *#batch(steps: readonly Step[]): Generator<string> {
    const files: Staged[] = [];
    const links: Staged[] = [];
    const retired: string[] = [];
    for (const { id, action } of steps) {
      this.#step = id;
      this.#checkFence();
      if (action.do === 'file') files.push(...(yield* this.#stageFile(id, action)));
      if (action.do === 'pair') {
        const { targets, link } = yield* this.#stagePair(id, action);
        files.push(...targets);
        links.push(link);
        retired.push(action.pair.path);
      }
      if (action.do === 'link') links.push(this.#stageLink(id, action.path, action.target));
    }
    yield* this.#commit(files);
    yield* this.#commit(links);
    for (const path of retired) this.#retire(path);
  }

  *#stageFile(id: string, { file: wanted }: Extract<Action, { do: 'file' }>): Generator<string, Staged[]> {
    const body = this.#input.bodies.get(id);
    if (body === undefined || !('content' in body)) throw new Failure('failed', `${id} has no content`);
    const expect = this.#input.steps.find((step) => step.id === id)?.expect;
    const entry = file(body.content, wanted.mode, wanted.owner);
    return [yield* this.#stage(wanted.path, entry, { id, ends: true, ...(expect === undefined ? {} : { expect }) })];
  }

  *#stage(
    path: string,
    entry: FileEntry,
    { id, ends, expect }: { id: string; ends: boolean; expect?: string },
  ): Generator<string, Staged> {
    const { disk, staged } = this.#machine;
    const there = disk.at(path);
    const now = there === undefined ? 'absent' : there.type === 'file' ? there.sha256 : there.type;
    if (there?.type === 'file' && now === entry.sha256) {
      disk.put(path, { ...there, mode: entry.mode, owner: entry.owner });
      yield `${path} has its mode`;
      return { step: id, ends, path };
    }
    if (expect !== undefined && now !== expect) {
      throw new Failure('drift', `${path} changed since planning: expected ${expect}, found ${now}`);
    }
    if (disk.isFull) throw new Failure('failed', NO_SPACE);
    disk.makeParents(path);
    staged.add(path);
    yield `${path} is staged`;
    return { step: id, ends, path, entry };
  }

  *#stagePair(
    id: string,
    { pair }: Extract<Action, { do: 'pair' }>,
  ): Generator<string, { targets: Staged[]; link: Staged }> {
    const body = this.#input.bodies.get(id);
    if (body === undefined || !('certificate' in body)) throw new Failure('failed', `${id} has no certificate and key`);
    const { disk } = this.#machine;
    const directory = join(pair.pairsDir, `${basename(pair.path)}.${sha256(body.certificate).slice(0, 16)}`);
    disk.put(directory, { type: 'directory', mode: '0700', owner: pair.owner });
    yield `${directory} is made`;
    const targets: Staged[] = [];
    for (const [name, content] of [
      ['tls.crt', body.certificate],
      ['tls.key', body.key],
    ] as const) {
      const entry = file(content, '0600', pair.owner);
      targets.push(yield* this.#stage(join(directory, name), entry, { id, ends: false }));
    }
    const before = disk.at(pair.path);
    if (before?.type === 'link') this.#kept.add(before.target);
    this.#kept.add(directory);
    // The generation before stays; where the link stays, all do.
    if (before?.type === 'link' && before.target === directory) this.#kept.add(`${pair.path} stays`);
    return { targets, link: this.#stageLink(id, pair.path, directory) };
  }

  #stageLink(id: string, path: string, target: string): Staged {
    const there = this.#machine.disk.at(path);
    if (there?.type === 'link' && there.target === target) return { step: id, ends: true, path };
    if (this.#machine.disk.isFull) throw new Failure('failed', NO_SPACE);
    return { step: id, ends: true, path, entry: { type: 'link', target } };
  }

  *#commit(batch: readonly Staged[]): Generator<string> {
    const finished: string[] = [];
    for (const { step, ends, path, entry } of batch) {
      this.#step = step;
      if (entry !== undefined) {
        this.#checkFence();
        this.#machine.disk.put(path, entry);
        this.#machine.staged.delete(path);
        yield `${path} is in place`;
      }
      if (ends) finished.push(step);
    }
    this.done.push(...finished);
  }

  #retire(path: string): void {
    if (this.#kept.has(`${path} stays`)) return;
    const current = this.#machine.disk.at(path);
    if (current?.type === 'link') this.#prune(current.target);
  }

  /** Removes the other generations of a pair. */
  #prune(target: string): void {
    const generations = target.slice(0, target.lastIndexOf('.') + 1);
    for (const path of [...this.#machine.disk.entries.keys()]) {
      if (!path.startsWith(generations) || !/^[0-9a-f]{16}$/.test(path.slice(generations.length))) continue;
      if (!this.#kept.has(path)) this.#machine.disk.remove(path);
    }
  }

  *#alone({ id, action }: Step): Generator<string> {
    const { disk, systemd, users } = this.#machine;
    switch (action.do) {
      case 'user':
        users.add(action.user.name);
        break;
      case 'directory': {
        const { path, mode, owner } = action.directory;
        const real = disk.real(path) ?? path;
        if (disk.behind(path) !== undefined && !disk.isDirectory(path)) {
          throw new Failure('failed', `mkdir: cannot create directory '${path}': File exists`);
        }
        disk.put(real, { type: 'directory', mode, owner });
        break;
      }
      case 'kernel':
        yield* this.#kernel(action);
        break;
      case 'unit':
        if (action.enable) systemd.enable(action.unit);
        yield `${action.unit} is enabled`;
        yield* systemd.start(action.unit, action.verb, action.start, this.#input.unitDigests.get(id) ?? '');
        break;
      case 'enable':
        systemd.enable(action.unit);
        break;
      case 'stop':
        systemd.stop(action.unit);
        break;
      case 'image':
        yield* this.#image(action);
        break;
      case 'remove':
        this.#remove(action.path);
        break;
      default:
        throw new Error(`a machine cannot do ${action.do}`);
    }
    yield id;
  }

  *#kernel({ kernel }: Extract<Action, { do: 'kernel' }>): Generator<string> {
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

  *#image({ image, sha256: digest }: Extract<Action, { do: 'image' }>): Generator<string> {
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
    if (entry?.type === 'directory') {
      if (disk.below(path).length === 0) disk.remove(path);
      return;
    }
    if (entry?.type === 'link' && /\/\.pairs\/[^/]+\.[0-9a-f]{16}$/.test(entry.target)) this.#prune(entry.target);
    disk.remove(path);
  }
}

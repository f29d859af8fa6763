import { basename, join } from 'node:path/posix';
import { sha256 } from '../../src/model/digest.ts';
import type { Action, Step } from '../../src/model/plan.ts';
import type { ApplyFailure, ApplyInput } from '../../src/remote/apply.ts';
import { file, type Entry, type FileEntry } from './disk.ts';
import type { Script } from './hostScripts.ts';
import type { Machine } from './machine.ts';

/** A step of apply.sh went wrong; the message is what its tools said. */
export class Failure extends Error {
  readonly reason: ApplyFailure['reason'];

  constructor(reason: ApplyFailure['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

export const NO_SPACE = 'write error: No space left on device';

/** What one rename of a batch does; without an entry the target is right already. */
interface Staged {
  step: string;
  /** False for the files of a pair: its step is done when the link is switched. */
  ends: boolean;
  path: string;
  entry?: Entry;
}

interface Wanted {
  id: string;
  ends: boolean;
  /** What must be there now; anything when absent. */
  expect?: string;
}

/** How a batch tells which step it is at, and asks whether it may go on. */
export interface Progress {
  begin: (step: string) => void;
  finish: (steps: readonly string[]) => void;
  checkFence: () => void;
  /** Before something is renamed. */
  unsettle: () => Script<void>;
}

type ActionOf<Do extends Action['do']> = Extract<Action, { do: Do }>;

/** Files, pairs and links that follow one another: all are staged, then all are renamed, links after files. */
export class ApplyBatch {
  readonly #machine: Machine;
  readonly #input: ApplyInput;
  readonly #progress: Progress;
  /** Generations of pairs that stay. */
  readonly #kept = new Set<string>();

  constructor(machine: Machine, input: ApplyInput, progress: Progress) {
    this.#machine = machine;
    this.#input = input;
    this.#progress = progress;
  }

  *run(steps: readonly Step[]): Script<void> {
    const files: Staged[] = [];
    const links: Staged[] = [];
    for (const { id, action, expect } of steps) {
      this.#progress.begin(id);
      this.#progress.checkFence();
      const wanted = { id, ends: true, ...(expect === undefined ? {} : { expect }) };
      if (action.do === 'file') files.push(yield* this.#stageFile(action, wanted));
      if (action.do === 'pair') {
        files.push(...(yield* this.#stagePair(action, id)));
        links.push(this.#stageLink(id, action.pair.path, this.#directoryOf(action, id)));
      }
      if (action.do === 'link') links.push(this.#stageLink(id, action.path, action.target));
    }
    yield* this.#commit(files);
    yield* this.#commit(links);
    for (const { action } of steps) if (action.do === 'pair') this.#retire(action.pair.path);
  }

  *#stageFile({ file: own }: ActionOf<'file'>, wanted: Wanted): Script<Staged> {
    const body = this.#input.bodies.get(wanted.id);
    if (body === undefined || !('content' in body)) throw new Failure('failed', `${wanted.id} has no content`);
    return yield* this.#stage(own.path, file(body.content, own.mode, own.owner), wanted);
  }

  *#stage(path: string, entry: FileEntry, { id, ends, expect }: Wanted): Script<Staged> {
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

  #pairBody(id: string): { certificate: Buffer; key: Buffer } {
    const body = this.#input.bodies.get(id);
    if (body !== undefined && 'certificate' in body) return body;
    throw new Failure('failed', `${id} has no certificate and key`);
  }

  #directoryOf({ pair }: ActionOf<'pair'>, id: string): string {
    const digest = sha256(this.#pairBody(id).certificate);
    return join(pair.pairsDir, `${basename(pair.path)}.${digest.slice(0, 16)}`);
  }

  *#stagePair(action: ActionOf<'pair'>, id: string): Script<Staged[]> {
    const { disk } = this.#machine;
    const { path, owner } = action.pair;
    const { certificate, key } = this.#pairBody(id);
    const directory = this.#directoryOf(action, id);
    disk.put(directory, { type: 'directory', mode: '0700', owner });
    yield `${directory} is made`;
    const before = disk.at(path);
    this.#kept.add(directory);
    // The generation before stays; where the link stays, all do.
    if (before?.type === 'link') this.#kept.add(before.target === directory ? `${path} stays` : before.target);
    const crt = yield* this.#stage(join(directory, 'tls.crt'), file(certificate, '0600', owner), { id, ends: false });
    return [crt, yield* this.#stage(join(directory, 'tls.key'), file(key, '0600', owner), { id, ends: false })];
  }

  #stageLink(id: string, path: string, target: string): Staged {
    const there = this.#machine.disk.at(path);
    if (there?.type === 'link' && there.target === target) return { step: id, ends: true, path };
    if (this.#machine.disk.isFull) throw new Failure('failed', NO_SPACE);
    return { step: id, ends: true, path, entry: { type: 'link', target } };
  }

  *#commit(batch: readonly Staged[]): Script<void> {
    for (const { step, path, entry } of batch) {
      if (entry === undefined) continue;
      this.#progress.begin(step);
      this.#progress.checkFence();
      yield* this.#progress.unsettle();
      this.#machine.disk.put(path, entry);
      this.#machine.staged.delete(path);
      yield `${path} is in place`;
    }
    this.#progress.finish(batch.filter(({ ends }) => ends).map(({ step }) => step));
  }

  #retire(path: string): void {
    if (this.#kept.has(`${path} stays`)) return;
    const current = this.#machine.disk.at(path);
    if (current?.type === 'link') prune(this.#machine, current.target, this.#kept);
  }
}

/** Removes the generations of a pair, but for those that stay. */
export function prune({ disk }: Machine, target: string, kept: ReadonlySet<string>): void {
  const generations = target.slice(0, target.lastIndexOf('.') + 1);
  for (const path of [...disk.entries.keys()]) {
    const isGeneration = path.startsWith(generations) && /^[0-9a-f]{16}$/.test(path.slice(generations.length));
    if (isGeneration && !kept.has(path)) disk.remove(path);
  }
}

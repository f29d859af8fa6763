import { basename, join } from 'node:path/posix';
import { PLACES } from '../catalog/places.ts';
import { KbinError } from '../errors.ts';
import { sha256 } from '../model/digest.ts';
import type { Owned } from '../model/facts.ts';
import type { Action, Step } from '../model/plan.ts';
import { fileMode, hostPath, oneLine, ownerName } from './allowed.ts';
import { shellWords } from './quote.ts';

/** Content of a file step, or of a pair step. */
export type ApplyBody = { content: Buffer } | { certificate: Buffer; key: Buffer };

export interface StepContext {
  owned: Owned;
  bodies: ReadonlyMap<string, ApplyBody>;
  /** Stamp of each unit step (unitStamp). */
  stamps: ReadonlyMap<string, string>;
  binDir: string;
  /** Puts content into the archive and returns its name there. */
  attach: (content: Buffer) => string;
}

/** Steps between two commits: everything is staged, flushed and renamed together; links after what they point to. */
interface Batch {
  files: string[];
  links: string[];
  retired: string[];
  /** Staged targets by owner, with the step of the first. */
  owners: Map<string, { step: string; targets: string[] }>;
}

/** Throws REFUSED for a step that cannot be sent. */
export function refuse(step: Step, what: string): never {
  throw new KbinError('REFUSED', `${step.id}: ${what}`, { host: step.host, step: step.id });
}

/** Where the generation before stays: one, under the path with its slashes escaped. */
export const savedPath = (path: string): string =>
  hostPath(`${PLACES.previous}/${path.slice(1).replaceAll('%', '%25').replaceAll('/', '%2F')}`);

/** umask under which a new file gets no more than its mode from the first moment on. */
const maskFor = (mode: string): string => (~parseInt(fileMode(mode), 8) & 0o777).toString(8).padStart(4, '0');

/** One file of a batch; `expect` is what must be there now, or '' for anything. */
interface StagedFile {
  step: Step;
  ends: boolean;
  path: string;
  content: Buffer;
  mode: string;
  owner: string;
  saved: string;
  expect: string;
}

function stageFile(batch: Batch, context: StepContext, file: StagedFile): void {
  const { step, path, content, mode, owner } = file;
  const target = hostPath(path);
  const words = [context.attach(content), target, sha256(content), maskFor(mode), mode, ownerName(owner)];
  batch.files.push(stageLine(file.ends, step, ['file', ...words, file.saved, file.expect]));
  const own = batch.owners.get(owner) ?? { step: step.id, targets: [] };
  batch.owners.set(owner, { ...own, targets: [...own.targets, target] });
}

const stageLine = (ends: boolean, step: Step, words: readonly string[]): string =>
  shellWords(['stage', ends ? '1' : '0', oneLine(step.id), ...words]);

export type ActionOf<Do extends Action['do']> = Extract<Action, { do: Do }>;

function stageContent(batch: Batch, context: StepContext, step: Step, { file }: ActionOf<'file'>): void {
  const body = context.bodies.get(step.id);
  if (body === undefined || !('content' in body)) refuse(step, 'has no content');
  const { path, mode, owner } = file;
  const { content } = body;
  stageFile(batch, context, {
    step,
    ends: true,
    path,
    content,
    mode,
    owner,
    saved: savedPath(path),
    expect: step.expect ?? '',
  });
}

function stagePair(batch: Batch, context: StepContext, step: Step, { pair }: ActionOf<'pair'>): void {
  const body = context.bodies.get(step.id);
  if (body === undefined || !('certificate' in body)) refuse(step, 'has no certificate and key');
  const name = basename(pair.path);
  const directory = join(pair.pairsDir, `${name}.${sha256(body.certificate).slice(0, 16)}`);
  const { owner } = pair;
  batch.files.push(stageLine(false, step, ['directory', hostPath(directory), '0700', ownerName(owner)]));
  for (const [file, content] of [
    ['tls.crt', body.certificate],
    ['tls.key', body.key],
  ] as const) {
    const path = join(directory, file);
    stageFile(batch, context, { step, ends: false, path, content, mode: '0600', owner, saved: '', expect: '' });
  }
  batch.links.push(stageLine(true, step, ['pair', hostPath(pair.path), directory]));
  batch.retired.push(shellWords(['retire', hostPath(pair.pairsDir), name]));
}

/** Lines for steps that follow one another and are all files, pairs or links. */
export function batchLines(steps: readonly Step[], context: StepContext): string[] {
  const batch: Batch = { files: [], links: [], retired: [], owners: new Map() };
  for (const step of steps) {
    const { action } = step;
    if (action.do === 'file') stageContent(batch, context, step, action);
    if (action.do === 'pair') stagePair(batch, context, step, action);
    if (action.do === 'link') {
      batch.links.push(stageLine(true, step, ['link', hostPath(action.path), oneLine(action.target)]));
    }
  }
  const owns = [...batch.owners].map(([owner, { step, targets }]) => shellWords(['own', step, owner, ...targets]));
  return [...batch.files, ...owns, 'commit', ...batch.links, 'commit', ...batch.retired];
}

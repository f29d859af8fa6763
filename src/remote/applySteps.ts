import { basename, join } from 'node:path/posix';
import { PLACES } from '../catalog/places.ts';
import { KbinError } from '../errors.ts';
import { sha256 } from '../model/digest.ts';
import type { Owned } from '../model/facts.ts';
import type { Action, Step } from '../model/plan.ts';
import { fileMode, hostPath, oneLine, ownerName, unitName } from './allowed.ts';
import { builtinPattern, sysctlPath, sysModule } from './kernelNames.ts';
import { shellQuote, shellWords } from './quote.ts';

/** Content of a file step, or of a pair step. */
export type ApplyBody = { content: Buffer } | { certificate: Buffer; key: Buffer };

export interface StepContext {
  owned: Owned;
  bodies: ReadonlyMap<string, ApplyBody>;
  /** unitInputsDigest of each unit step. */
  unitDigests: ReadonlyMap<string, string>;
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

/** Removal reaches only below these. */
const REMOVABLE_ROOTS = ['/etc/', '/opt/', '/usr/', '/var/lib/', '/run/', '/srv/', '/home/'];

function refuse(step: Step, what: string): never {
  throw new KbinError('REFUSED', `${step.id}: ${what}`, { host: step.host, step: step.id });
}

/** Where the generation before stays: one, under the path with its slashes escaped. */
const savedPath = (path: string): string =>
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

type ActionOf<Do extends Action['do']> = Extract<Action, { do: Do }>;

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

const isStaged = ({ action }: Step): boolean => action.do === 'file' || action.do === 'pair' || action.do === 'link';

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

function removal(step: Step, path: string, owned: Owned): string[] {
  const target = hostPath(path);
  if (!REMOVABLE_ROOTS.some((root) => path.startsWith(root))) {
    refuse(step, `${path} is not below ${REMOVABLE_ROOTS.join(' ')}`);
  }
  if (!owned.paths.includes(path)) refuse(step, `${path} was not written by kbin`);
  return ['remove', target];
}

function unitWords(step: Step, action: ActionOf<'unit'>, context: StepContext): string[] {
  const digest = context.unitDigests.get(step.id) ?? refuse(step, 'has no digest of its inputs');
  return [action.enable ? 'start_enabled' : 'start', unitName(action.unit), action.verb, action.start, digest];
}

/** Commands of one step that stands alone. Throws REFUSED for a step that runs elsewhere. */
function commands(step: Step, context: StepContext): string[][] {
  const { action } = step;
  switch (action.do) {
    case 'user':
      return [['user', oneLine(action.user.name), oneLine(action.user.home)]];
    case 'directory': {
      const { path, mode, owner } = action.directory;
      return [['directory', hostPath(path), fileMode(mode), ownerName(owner)]];
    }
    case 'kernel': {
      const { modules, sysctls, swapOff } = action.kernel;
      const patterns = modules.flatMap((name) => [sysModule(name), builtinPattern([name])]);
      const values = Object.entries(sysctls).flatMap(([name, value]) => [sysctlPath(name), oneLine(value)]);
      const saved = [savedPath('/etc/fstab'), savedPath('/etc/systemd/zram-generator.conf')];
      return [['load_modules', ...patterns], ['set_sysctls', ...values], ...(swapOff ? [['swap_off', ...saved]] : [])];
    }
    case 'unit':
      return [unitWords(step, action, context)];
    case 'enable':
    case 'stop':
      return [[action.do, unitName(action.unit)]];
    case 'image': {
      const archive = hostPath(`${PLACES.objects}/${oneLine(action.sha256)}`);
      return [['image', hostPath(join(context.binDir, 'ctr')), archive, oneLine(action.image.reference)]];
    }
    case 'remove':
      return [removal(step, action.path, context.owned)];
    default:
      return refuse(step, `${action.do} does not run on a host`);
  }
}

const unitOf = ({ action }: Step): string[] =>
  action.do === 'unit' || action.do === 'enable' || action.do === 'stop' ? [unitName(action.unit)] : [];

/** Lines of apply.sh for all steps, in their order. */
export function stepLines(steps: readonly Step[], context: StepContext): string[] {
  const lines: string[] = [];
  for (let at = 0; at < steps.length;) {
    const end = steps.findIndex((step, index) => index > at && !isSameKind(step, steps[at]));
    const group = steps.slice(at, end < 0 ? steps.length : end);
    const [first] = group;
    if (first !== undefined && isStaged(first)) lines.push(...batchLines(group, context));
    else {
      const units = group.flatMap(unitOf);
      if (first !== undefined && units.length > 0) lines.push(shellWords(['reload_units', first.id, ...units]));
      lines.push(...group.map((step) => runLine(step, commands(step, context))));
    }
    at += group.length;
  }
  return lines;
}

const isSameKind = (step: Step, other: Step | undefined): boolean =>
  other !== undefined && isStaged(step) === isStaged(other) && unitOf(step).length === unitOf(other).length;

/** A step of several commands is done when the last is. */
function runLine(step: Step, parts: readonly string[][]): string {
  const id = shellQuote(oneLine(step.id));
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return `run ${id} ${shellWords(only)}`;
  return `all() { ${parts.map(shellWords).join(' && ')}; }\nrun ${id} all`;
}

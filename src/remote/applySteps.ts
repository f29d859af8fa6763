import { join } from 'node:path/posix';
import { PLACES } from '../catalog/places.ts';
import type { Owned } from '../model/facts.ts';
import type { Step } from '../model/plan.ts';
import { batchLines, refuse, savedPath, type ActionOf, type StepContext } from './batch.ts';
import { fileMode, hostPath, oneLine, ownerName, unitName } from './allowed.ts';
import { builtinPattern, sysctlPath, sysModule } from './kernelNames.ts';
import { shellQuote, shellWords } from './quote.ts';

export type { ApplyBody, StepContext } from './batch.ts';

/** Removal reaches only below these. */
const REMOVABLE_ROOTS = ['/etc/', '/opt/', '/usr/', '/var/', '/run/', '/srv/', '/home/'];

const isStaged = ({ action }: Step): boolean => action.do === 'file' || action.do === 'pair' || action.do === 'link';

function removal(step: Step, path: string, owned: Owned): string[] {
  const target = hostPath(path);
  if (!REMOVABLE_ROOTS.some((root) => path.startsWith(root))) {
    refuse(step, `${path} is not below ${REMOVABLE_ROOTS.join(' ')}`);
  }
  if (!owned.paths.includes(path)) refuse(step, `${path} was not written by kbin`);
  return ['remove', target];
}

function unitWords(step: Step, action: ActionOf<'unit'>, context: StepContext): string[] {
  const stamp = context.stamps.get(step.id) ?? refuse(step, 'has no stamp');
  return [action.enable ? 'start_enabled' : 'start', unitName(action.unit), action.verb, action.start, stamp];
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

import type { HostName } from '../model/inventory.ts';
import { stepsOf, type Action, type Plan, type Step } from '../model/plan.ts';
import type { Resource, ResourceId } from '../model/resource.ts';

/** The steps of a plan that start or restart a unit, by host. */
export function unitStepsOf(plan: Plan): Map<HostName, Step[]> {
  const byHost = new Map<HostName, Step[]>();
  for (const step of stepsOf(plan)) {
    if (step.action.do === 'unit') byHost.set(step.host, [...(byHost.get(step.host) ?? []), step]);
  }
  return byHost;
}

/** The resources that a step changes, of those that a unit can have to restart for. */
function changedBy({ action }: Step, resources: readonly Resource[]): ResourceId[] {
  switch (action.do) {
    case 'file':
      return [action.file.id];
    case 'pair':
      return [action.pair.id];
    case 'binary':
      return [action.binary.id];
    case 'link':
      return resources.flatMap((own) => (own.kind === 'binary' && own.link === action.path ? [own.id] : []));
    case 'remove':
      return resources.flatMap((own) => (own.kind === 'renewed' && own.path === action.path ? [own.id] : []));
    default:
      return [];
  }
}

type UnitAction = Extract<Action, { do: 'unit' }>;

/** What a unit runs with. */
const inputsOf = (action: UnitAction, resources: readonly Resource[]): ResourceId[] => [
  ...Object.keys(action.inputs),
  ...resources.flatMap((own) => (own.kind === 'renewed' && own.unit === action.unit ? [own.id] : [])),
];

/** Inputs that the unit reads again when it reloads. */
const readAgain = ({ unit }: UnitAction, resources: readonly Resource[]): readonly ResourceId[] =>
  resources.flatMap((own) => (own.kind === 'unit' && own.name === unit ? (own.reloadsOn ?? []) : []));

/**
 * Units that the run starts or restarts, now or in a later wave, because of what these steps change. Until then their
 * stamps must not say that all is well; after a `+`, where only what a unit reads again is changed, the rest of its stamp
 * stays. A unit that the plan leaves alone (only a mode was changed) is not among them.
 */
export function unsettledBy(
  steps: readonly Step[],
  unitSteps: readonly Step[],
  resources: readonly Resource[],
): string[] {
  const changed = new Set(steps.flatMap((step) => changedBy(step, resources)));
  const words = unitSteps.flatMap(({ action }) => {
    if (action.do !== 'unit') return [];
    const own = inputsOf(action, resources).filter((id) => changed.has(id));
    if (own.length === 0) return [];
    const again = readAgain(action, resources);
    return [own.every((id) => again.includes(id)) ? `+${action.unit}` : action.unit];
  });
  return [...new Set(words)];
}

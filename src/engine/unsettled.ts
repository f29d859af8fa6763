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

/** What a unit runs with. */
const inputsOf = (action: Extract<Action, { do: 'unit' }>, resources: readonly Resource[]): ResourceId[] => [
  ...Object.keys(action.inputs),
  ...resources.flatMap((own) => (own.kind === 'renewed' && own.unit === action.unit ? [own.id] : [])),
];

/**
 * Units that the run starts or restarts, now or in a later wave, because of what these steps change. Until then their
 * stamps must not say that all is well. A unit that the plan leaves alone (only a mode was changed) is not among them.
 */
export function unsettledBy(
  steps: readonly Step[],
  unitSteps: readonly Step[],
  resources: readonly Resource[],
): string[] {
  const changed = new Set(steps.flatMap((step) => changedBy(step, resources)));
  const names = unitSteps.flatMap(({ action }) =>
    action.do === 'unit' && inputsOf(action, resources).some((id) => changed.has(id)) ? [action.unit] : [],
  );
  return [...new Set(names)];
}

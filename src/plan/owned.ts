import type { Action, Step } from '../model/plan.ts';
import type { Resource } from '../model/resource.ts';
import type { HostInput } from './need.ts';

/** Units to stop and paths to remove: what kbin once wrote here and the inventory no longer asks for. */
export function cleanupSteps(input: HostInput, keep: (path: string) => boolean): Step[] {
  const owned = input.facts.owned;
  if (owned === null) return [];
  const paths = new Set(input.resources.flatMap(ownedPaths));
  const units = new Set(input.resources.flatMap((resource) => (resource.kind === 'unit' ? [resource.name] : [])));
  const step = (action: Action, name: string): Step => ({
    id: `${input.host}/${action.do}:${name}`,
    host: input.host,
    phase: 'cleanup',
    why: 'no longer in the inventory',
    action,
  });
  return [
    ...owned.units.filter((unit) => !units.has(unit)).map((unit) => step({ do: 'stop', unit }, unit)),
    ...owned.paths
      .filter((path) => !paths.has(path) && !keep(path))
      .sort()
      .reverse()
      .map((path) => step({ do: 'remove', path }, path)),
  ];
}

/** Paths that a resource puts on a host. */
export function ownedPaths(resource: Resource): string[] {
  switch (resource.kind) {
    case 'directory':
    case 'file':
    case 'pair':
    case 'renewed':
      return [resource.path];
    case 'binary':
      return [resource.path, resource.link];
    default:
      return [];
  }
}

import type { Inventory } from '../model/inventory.ts';
import type { Desired, Templates } from '../model/resource.ts';
import { COMPONENT_TABLE, runsOn } from './components.ts';
import { corednsObjects } from './coredns.ts';
import { writer } from './documents.ts';
import { nodeSettings } from './nodes.ts';
import { bootstrapObjects } from './rbac.ts';
import { rendererOf } from './render.ts';

/**
 * What must be on every host, in the API and on every Node, for this inventory. Pure; secrets by reference only.
 * @param templates Texts of units/, by path below it.
 * @throws KbinError INVENTORY for overrides that cannot be written into the component's own form; Error for a template
 * that is missing or uses a variable that nobody gives.
 */
export function desired(inventory: Inventory, templates: Templates): Desired {
  const tools = { render: rendererOf(templates), write: writer() };
  const hosts = inventory.hosts.map((host) => {
    const components = COMPONENT_TABLE.filter((component) => runsOn(component, host));
    return [host.name, components.flatMap(({ resources }) => resources({ inventory, host, ...tools }))] as const;
  });
  return {
    hosts: Object.fromEntries(hosts),
    api: [...bootstrapObjects(inventory), ...corednsObjects({ inventory, ...tools })],
    nodes: nodeSettings(inventory),
  };
}

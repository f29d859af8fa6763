import { hasRole, isNode, type Host, type Inventory } from '../model/inventory.ts';
import type { NodeSettings } from '../model/resource.ts';
import { CONTROL_PLANE, taintsOf } from './taints.ts';

/** The kubelet may not give itself labels of node-role.kubernetes.io, so kbin keeps them through the API. */
function labelsOf(host: Host): Record<string, string> {
  return {
    ...(hasRole(host, 'control-plane') ? { [CONTROL_PLANE]: '' } : {}),
    ...(hasRole(host, 'worker') ? { 'node-role.kubernetes.io/worker': '' } : {}),
    ...host.labels,
  };
}

/** Labels and taints of every Node. */
export const nodeSettings = (inventory: Inventory): NodeSettings[] =>
  inventory.hosts.filter(isNode).map((host) => ({ host: host.name, labels: labelsOf(host), taints: taintsOf(host) }));

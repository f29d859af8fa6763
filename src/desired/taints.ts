import { hasRole, type Host, type Taint } from '../model/inventory.ts';

export const CONTROL_PLANE = 'node-role.kubernetes.io/control-plane';

/** Taints of a host's Node: the inventory's, and the usual one where a control plane is not a worker too. */
export function taintsOf(host: Host): Taint[] {
  const isReserved = hasRole(host, 'control-plane') && !hasRole(host, 'worker');
  const own = host.taints.filter((taint) => taint.key !== CONTROL_PLANE || taint.effect !== 'NoSchedule');
  return isReserved ? [{ key: CONTROL_PLANE, effect: 'NoSchedule' }, ...own] : [...host.taints];
}

import type { Facts } from '../model/facts.ts';
import { hostsWith, type HostName, type Inventory } from '../model/inventory.ts';
import type { Step, Wave } from '../model/plan.ts';

interface Ground {
  inventory: Inventory;
  facts: Facts;
}

/**
 * Whether this cluster's etcd is in use: an apiserver was started once, so etcd had passed its gate with every member.
 */
export const isFormed = ({ inventory, facts }: Ground): boolean =>
  inventory.hosts.some((host) => facts.hosts[host.name]?.units['kube-apiserver.service']?.startedWith !== undefined);

/** A host that one of these steps restarts while it serves: such hosts take turns. */
export const restartsLive = (steps: readonly Step[], host: HostName, facts: Facts): boolean =>
  steps.some(
    (step) =>
      step.host === host &&
      step.action.do === 'unit' &&
      step.action.verb === 'restart' &&
      facts.hosts[host]?.units[step.action.unit]?.active === 'active',
  );

/** A host on which one of these steps swaps a certificate that one of these units serves with. */
export const swapsLive = (
  steps: readonly Step[],
  host: HostName,
  ground: { facts: Facts; units: readonly string[] },
): boolean =>
  steps.some((step) => step.host === host && step.action.do === 'pair') &&
  ground.units.some((unit) => ground.facts.hosts[host]?.units[unit]?.active === 'active');

/**
 * A host where one of these steps replaces a certificate that is on its disk and has expired. `rows`: of certs/catalog.yml.
 */
export const isExpiredOn = (
  steps: readonly Step[],
  host: HostName,
  ground: { facts: Facts; rows: readonly string[] },
): boolean =>
  steps.some(({ host: own, action }) => {
    if (own !== host || action.do !== 'pair') return false;
    const { certificate, path } = action.pair;
    const stored = ground.facts.local.certificates[certificate];
    const isThere = ground.facts.hosts[host]?.paths[`${path}/tls.crt`]?.sha256 === stored?.certSha256;
    const isNamed = ground.rows.includes(certificate.split('@')[0] ?? '');
    return isNamed && isThere && stored !== undefined && stored.notAfter <= ground.facts.observedAt;
  });

/**
 * Why a wave of etcd must not go on while these hosts are out; undefined when it may. A first installation needs every
 * member: one that comes later, without data, cannot be told from one that lost what it had voted for. A member of a
 * formed etcd is restarted only while the others are most of all members without it.
 */
export function quorumFault(
  ground: Ground,
  wave: Pick<Wave, 'phase' | 'steps'>,
  failed: { has(host: HostName): boolean },
): string | undefined {
  const { inventory, facts } = ground;
  if (wave.phase !== 'etcd' || inventory.etcd.external !== undefined) return undefined;
  const members = hostsWith(inventory, 'etcd').map((host) => host.name);
  const out = members.filter((name) => failed.has(name));
  if (out.length === 0) return undefined;
  if (!isFormed(ground)) return `etcd is formed with every member or not at all, and ${out.join(', ')} failed`;
  const turn = members.filter((name) => !failed.has(name) && restartsLive(wave.steps, name, facts));
  const left = members.length - out.length - turn.length;
  if (turn.length === 0 || left * 2 > members.length) return undefined;
  return `etcd would lose its quorum: ${turn.join(', ')} must restart while ${out.join(', ')} failed`;
}

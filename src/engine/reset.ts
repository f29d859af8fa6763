import { KbinError } from '../errors.ts';
import type { Facts } from '../model/facts.ts';
import type { HostName } from '../model/inventory.ts';
import type { Engine } from './engine.ts';
import { fanOut } from './fanOut.ts';

/**
 * Removes what kbin wrote on these hosts, all at once. Returns the hosts where it failed.
 * @throws KbinError REFUSED, before anything is touched, when one of them belongs to another cluster.
 */
export async function resetHosts(
  engine: Engine,
  facts: Facts,
  hosts: readonly HostName[],
): Promise<Map<HostName, unknown>> {
  const { cluster } = engine.inventory;
  const foreign = hosts.filter((host) => facts.hosts[host]?.owned?.cluster.name !== cluster);
  if (foreign.length > 0) {
    throw new KbinError('REFUSED', `${foreign.join(', ')}: not of cluster ${cluster}`, {
      evidence: foreign.map((host) => `${host} belongs to ${facts.hosts[host]?.owned?.cluster.name ?? 'nobody'}`),
      hint: 'Reset them from their own inventory.',
    });
  }
  const answers = await fanOut(hosts, engine.parallel, async (host) => {
    const owned = facts.hosts[host]?.owned;
    if (owned === null || owned === undefined) return;
    await engine.world.host(host).reset(owned);
  });
  return new Map(answers.flatMap((answer, index) => (answer.ok ? [] : [[hosts[index] ?? '', answer.error] as const])));
}

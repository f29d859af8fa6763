import { KbinError } from '../errors.ts';
import type { Facts } from '../model/facts.ts';
import { hostsWith, type HostName } from '../model/inventory.ts';
import type { Engine } from './engine.ts';
import { fanOut } from './fanOut.ts';
import { holdFor } from './lock.ts';

/** As long as the reset of a host may take. */
const RESET_SECONDS = 300;

/** Members of etcd that stay while others go would lose votes without being told. */
function assertEtcdIsWhole(engine: Engine, facts: Facts, hosts: readonly HostName[]): void {
  const members = Object.keys(facts.hosts).filter((host) => facts.hosts[host]?.owned?.units.includes('etcd.service'));
  const staying = members.filter((host) => !hosts.includes(host));
  const going = members.filter((host) => hosts.includes(host));
  if (going.length === 0 || staying.length === 0) return;
  throw new KbinError('REFUSED', `${going.join(', ')}: etcd members, while ${staying.join(', ')} would stay`, {
    hint: `Reset all of ${engine.inventory.cluster} at once: removing a member is a procedure of its own, which must keep quorum.`,
  });
}

function assertOurs(engine: Engine, facts: Facts, hosts: readonly HostName[]): void {
  const { cluster } = engine.inventory;
  const id = facts.local.clusterId;
  const foreign = hosts.filter((host) => {
    const owner = facts.hosts[host]?.owned?.cluster;
    return owner?.name !== cluster || (id !== null && owner.id !== '' && owner.id !== id);
  });
  if (foreign.length === 0) return;
  throw new KbinError('REFUSED', `${foreign.join(', ')}: not of cluster ${cluster}`, {
    evidence: foreign.map((host) => {
      const owner = facts.hosts[host]?.owned?.cluster;
      return `${host} belongs to ${owner?.name ?? 'nobody'} (${owner?.id ?? ''})`;
    }),
    hint: 'Reset them from their own inventory.',
  });
}

async function resetHost(engine: Engine, facts: Facts, host: HostName): Promise<void> {
  const owned = facts.hosts[host]?.owned;
  if (owned === null || owned === undefined) return;
  await engine.world.host(host).reset(owned);
  engine.emit({ type: 'step', step: `${host}/reset`, host, verb: 'reset', result: 'done', at: engine.clock.now() });
}

/**
 * Removes what kbin wrote on these hosts, all at once, under the cluster lock where its holders can be reached. Returns
 * the hosts where it failed.
 * @throws KbinError REFUSED, before anything is touched, for a host of another cluster or a part of etcd; LOCKED.
 */
export async function resetHosts(
  engine: Engine,
  facts: Facts,
  hosts: readonly HostName[],
): Promise<Map<HostName, unknown>> {
  assertOurs(engine, facts, hosts);
  assertEtcdIsWhole(engine, facts, hosts);
  const anchors = hostsWith(engine.inventory, 'control-plane')
    .map((host) => host.name)
    .filter((host) => (facts.hosts[host]?.owned ?? null) !== null);
  const giveBack = await holdFor(engine, anchors, RESET_SECONDS);
  const answers = await fanOut(hosts, engine.parallel, (host) => resetHost(engine, facts, host));
  const failed = new Map(
    answers.flatMap((answer, index) => (answer.ok ? [] : [[hosts[index] ?? '', answer.error] as const])),
  );
  // On hosts that were reset the lock went with everything else.
  await giveBack(anchors.filter((host) => !hosts.includes(host) || failed.has(host)));
  return failed;
}

import { KbinError } from '../errors.ts';
import type { Facts } from '../model/facts.ts';
import type { HostName } from '../model/inventory.ts';
import type { Wave } from '../model/plan.ts';
import { quorumFault } from '../plan/quorum.ts';
import type { Engine } from './engine.ts';
import { lostHosts, type Failures } from './failures.ts';

export interface WaveGround {
  engine: Engine;
  facts: Facts;
  failures: Failures;
  /** How long every gate waits, instead of its own limit. */
  gateSeconds?: number;
  /** Aborted when nobody waits for the gate any more. */
  signal: AbortSignal;
}

/** @throws KbinError HOSTS when a wave of etcd must not go on without the hosts that failed. */
export function assertQuorum({ engine, facts, failures }: WaveGround, wave: Wave): void {
  const fault = quorumFault({ inventory: engine.inventory, facts }, wave, failures);
  if (fault === undefined) return;
  throw new KbinError('HOSTS', fault, {
    evidence: failures.evidence(),
    hint: 'Bring them back and run the same command again.',
  });
}

/**
 * A machine that died between two waves is found by a gate that it keeps from passing. True when some are gone and may
 * be: they are out now.
 */
async function setLostAside(
  { engine, failures }: WaveGround,
  hosts: readonly HostName[],
  error: unknown,
): Promise<boolean> {
  if (!(error instanceof KbinError) || error.code !== 'GATE') return false;
  // The gate of a wave beside this one may have found it first.
  if (hosts.some((host) => failures.has(host))) return true;
  if (failures.room() < 1) return false;
  const lost = await lostHosts(engine, hosts);
  const fresh = [...lost].filter(([host]) => !failures.has(host));
  if (lost.size === 0 || fresh.length > failures.room()) return false;
  for (const [host, cause] of fresh) {
    failures.add(host, cause);
    const message = cause instanceof Error ? cause.message : String(cause);
    engine.emit({ type: 'host', host, state: 'failed', message, at: engine.clock.now() });
  }
  return true;
}

/** Resolves when the wave's gate is passed by all its hosts that have not failed. Throws what the gate throws, and HOSTS. */
export async function passWaveGate(ground: WaveGround, wave: Wave): Promise<void> {
  const { engine, failures, signal } = ground;
  const { gate, phase, id } = wave;
  if (gate === undefined) return;
  const hosts = wave.hosts.filter((host) => !failures.has(host));
  if (hosts.length === 0) {
    throw new KbinError('HOSTS', `no host is left in ${phase}`, { hint: 'Mend the failed hosts and run again.' });
  }
  const withinSeconds = ground.gateSeconds ?? gate.withinSeconds;
  try {
    const turned = (wave.turned ?? []).filter((host) => hosts.includes(host));
    await engine.world.passGate({ wave: id, phase, gate: { ...gate, withinSeconds }, hosts, turned }, signal);
  } catch (error) {
    if (!(await setLostAside(ground, hosts, error))) throw error;
    assertQuorum(ground, { ...wave, steps: [] });
    await passWaveGate(ground, wave);
  }
}

import { kubernetesApi, observeApi } from './api.ts';
import type { Engine, World } from './engine.ts';
import { etcdLeader, yieldLeadership } from './etcdLeader.ts';
import { etcdHeads } from './etcdValues.ts';
import type { Fleet } from './fleet.ts';
import { passGate } from './gate.ts';
import { SshHost } from './host.ts';

/** The real world: everything goes through the kept SSH connections of the fleet. */
export function realWorld(engine: Omit<Engine, 'world'>, fleet: Fleet): World {
  const { inventory, desired, pki, clock, emit } = engine;
  const source = { inventory, fleet, pki, clock, emit };
  return {
    host: (name) => new SshHost(fleet, name, clock),
    api: (failed) => kubernetesApi(source, failed),
    storedHeads: etcdHeads(source),
    etcdLeader: (members) => etcdLeader(source, members),
    yieldLeadership: (host, others) => yieldLeadership(source, host, others),
    observeApi: (serving) => observeApi({ ...source, hosts: serving, desired }),
    passGate: (wave, signal) => passGate(wave, { ...source, signal }),
  };
}

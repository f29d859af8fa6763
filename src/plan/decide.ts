import { PHASE_TABLE } from '../catalog/phases.ts';
import { PLACES } from '../catalog/places.ts';
import { ENCRYPTION, type Encryption } from '../model/encryption.ts';
import type { Facts } from '../model/facts.ts';
import { hasRole, isNode, type Host, type HostName, type Inventory } from '../model/inventory.ts';
import type { Phase } from '../model/phase.ts';
import type { CertSpec, KeyPairSpec } from '../model/pki.ts';
import type { Action, Plan, Step, Wave } from '../model/plan.ts';
import type { Desired } from '../model/resource.ts';
import { apiSteps } from './apiSteps.ts';
import { approvalSteps } from './approvals.ts';
import { cleanupSteps } from './owned.ts';
import { hostSteps } from './hostSteps.ts';
import { isExpiredOn, restartsLive, swapsLive } from './quorum.ts';

/** A certificate, key pair or encryption key that must be issued, and why. */
export type Issue = { why: string } & (
  { certificate: CertSpec } | { keyPair: KeyPairSpec } | { encryption: Encryption }
);

export interface Decision {
  inventory: Inventory;
  desired: Desired;
  issues: readonly Issue[];
  facts: Facts;
  /** Hosts that may be changed; all when absent. */
  limit?: ReadonlySet<HostName>;
}

/**
 * What a host keeps when the inventory no longer asks for it: versioned binaries and old pairs for rollback, data and
 * logs for good. Only a reset removes them, so they stay on the list of what is owned.
 */
const KEPT_ROOTS: readonly string[] = [
  ...[PLACES.versions, PLACES.pairs, PLACES.etcdPairs, PLACES.kbin],
  ...[PLACES.etcdData, PLACES.kubelet, PLACES.kubeProxy, '/var/lib/containerd', '/var/log'],
];
const isKept = (path: string): boolean => KEPT_ROOTS.some((root) => path === root || path.startsWith(`${root}/`));

/** What an issue makes, and the name that it has in the store. */
function issuing(issue: Issue): { action: Action; name: string } {
  if ('certificate' in issue) return { action: { do: 'issue', spec: issue.certificate }, name: issue.certificate.name };
  if ('keyPair' in issue) return { action: { do: 'issue-key', spec: issue.keyPair }, name: issue.keyPair.name };
  return { action: { do: 'issue-encryption', encryption: issue.encryption }, name: ENCRYPTION };
}

function localSteps(issues: readonly Issue[]): Step[] {
  return issues.map((issue) => {
    const { action, name } = issuing(issue);
    return { id: `local/${action.do}:${name}`, host: 'local', phase: 'certificates', why: issue.why, action };
  });
}

const issuedNames = (issues: readonly Issue[]): Set<string> => new Set(issues.map((issue) => issuing(issue).name));

/** Hosts that a phase is about. */
export function hostsOfPhase(phase: Phase, inventory: Inventory): Host[] {
  switch (phase.on) {
    case 'local':
      return [];
    case 'host':
      return inventory.hosts;
    case 'node':
    case 'api':
      return inventory.hosts.filter(isNode);
    default: {
      // etcd that somebody else runs is asked from where it is used.
      const role = phase.on === 'etcd' && inventory.etcd.external !== undefined ? 'control-plane' : phase.on;
      return inventory.hosts.filter((host) => hasRole(host, role));
    }
  }
}

function wavesOfPhase(phase: Phase, steps: readonly Step[], decision: Decision): Wave[] {
  const { inventory, facts } = decision;
  const hosts = hostsOfPhase(phase, inventory)
    .map((host) => host.name)
    .filter((name) => facts.hosts[name] !== undefined);
  if (phase.gate !== undefined && hosts.length === 0) return [];
  const gate = phase.gate === undefined ? {} : { gate: phase.gate };
  // Where one host at a time is changed, also a certificate that is read again at once is seen to work before the next.
  const units = phase.width === 1 ? (phase.gate?.units ?? []) : [];
  const isLive = (host: HostName): boolean =>
    (restartsLive(steps, host, facts) || swapsLive(steps, host, { facts, units })) &&
    !isExpiredOn(steps, host, { facts, rows: phase.vital ?? [] });
  // A leader that goes hands over to somebody who will not go after it.
  const turns = hosts.toSorted((a, b) => Number(a === facts.etcdLeader) - Number(b === facts.etcdLeader));
  const live = phase.width === 'all' ? [] : (phase.on === 'etcd' ? turns : hosts).filter(isLive);
  const together = steps.filter((step) => !live.includes(step.host));
  const waves: Wave[] = [];
  if (together.length > 0 || live.length === 0) {
    waves.push({ id: phase.name, phase: phase.name, after: [], steps: together, hosts, ...gate });
  }
  const width = phase.width === 'all' ? live.length : phase.width;
  const others = hosts.filter((host) => !live.slice(0, width).includes(host));
  // Asked of a majority without the first turn only where one is left; a wave before it has asked all of them.
  if (phase.before !== undefined && waves.length === 0 && others.length * 2 > hosts.length) {
    waves.push({
      id: `${phase.name}/before`,
      phase: phase.name,
      after: [],
      steps: [],
      hosts: others,
      gate: phase.before,
    });
  }
  for (let start = 0; start < live.length; start += width) {
    const turn = live.slice(start, start + width);
    const own = steps.filter((step) => turn.includes(step.host));
    waves.push({ id: `${phase.name}/${turn.join('+')}`, phase: phase.name, after: [], steps: own, hosts, ...gate });
  }
  return waves.map((wave, index) => {
    const later = new Set(waves.slice(index + 1).flatMap((other) => other.steps.map((step) => step.host)));
    return { ...wave, turned: wave.hosts.filter((host) => !later.has(host)) };
  });
}

/** Waves in the order of the phase table; inside a phase one after the other. */
function linkedWaves(byPhase: ReadonlyMap<string, Wave[]>): Wave[] {
  const lastOf = (name: string): string[] => {
    const own = byPhase.get(name)?.at(-1);
    if (own !== undefined) return [own.id];
    const phase = PHASE_TABLE.find((row) => row.name === name);
    return [...new Set((phase?.after ?? []).flatMap(lastOf))];
  };
  return PHASE_TABLE.flatMap((phase) =>
    (byPhase.get(phase.name) ?? []).map((wave, index, all) => ({
      ...wave,
      after: index === 0 ? [...new Set(phase.after.flatMap(lastOf))] : [all[index - 1]?.id ?? ''],
    })),
  );
}

/**
 * The whole decision: what has to happen, where, in which order, behind which gates. Pure; the same code path serves
 * `plan` and `deploy`. A plan without steps has no waves. When anything changes, every gate is asked, also those of
 * phases without a step: a run may be the continuation of one that died before its gate.
 */
export function decide(decision: Decision): Plan {
  const { inventory, desired, facts, issues, limit } = decision;
  const issued = issuedNames(issues);
  const mayChange = (host: Host): boolean => limit === undefined || limit.has(host.name);
  const steps = localSteps(issues);
  for (const host of inventory.hosts.filter(mayChange)) {
    const hostFacts = facts.hosts[host.name];
    if (hostFacts === undefined) continue;
    const resources = desired.hosts[host.name] ?? [];
    const input = { host: host.name, resources, facts: hostFacts, local: facts.local, issued, now: facts.observedAt };
    steps.push(...hostSteps(input), ...approvalSteps(input), ...cleanupSteps(input, isKept));
  }
  const reachable = (name: HostName): boolean => facts.hosts[name] !== undefined && (limit?.has(name) ?? true);
  steps.push(...apiSteps(desired, facts.api, reachable));
  const waves =
    steps.length === 0
      ? []
      : linkedWaves(
          new Map(
            PHASE_TABLE.map((phase) => {
              const own = steps.filter((step) => step.phase === phase.name);
              const isEmpty = own.length === 0 && phase.gate === undefined;
              return [phase.name, isEmpty ? [] : wavesOfPhase(phase, own, decision)];
            }),
          ),
        );
  return {
    version: 1,
    cluster: inventory.cluster,
    clusterId: facts.local.clusterId,
    inventoryDigest: inventory.digest,
    observedAt: facts.observedAt,
    waves,
  };
}

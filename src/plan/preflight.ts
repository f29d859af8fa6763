import type { HostFacts } from '../model/facts.ts';
import { encryptionFindings } from './encryption.ts';
import type { Finding, Ground } from './finding.ts';
import { HOST_CHECKS } from './hostChecks.ts';
import { cachedArtifact } from './need.ts';

const IDENTITIES: readonly { id: string; of: (facts: HostFacts) => string[]; label: string }[] = [
  { id: 'hostname', of: (facts) => [facts.hostname], label: 'hostname' },
  { id: 'machine-id', of: (facts) => [facts.machineId], label: 'machine-id' },
  { id: 'product-uuid', of: (facts) => [facts.productUuid], label: 'product_uuid' },
  { id: 'mac', of: (facts) => facts.macs, label: 'MAC address' },
];

function duplicates({ facts }: Ground): Finding[] {
  return IDENTITIES.flatMap(({ id, of, label }) => {
    const holders = new Map<string, string[]>();
    for (const [host, own] of Object.entries(facts.hosts)) {
      for (const value of of(own).filter((text) => text !== '')) {
        holders.set(value, [...(holders.get(value) ?? []), host]);
      }
    }
    // Containers and some boards of one make share a product_uuid; Kubernetes itself no longer uses it.
    const severity = id === 'product-uuid' ? ('warning' as const) : ('error' as const);
    return [...holders]
      .filter(([, hosts]) => hosts.length > 1)
      .map(([value, hosts]) => ({
        id: `duplicate-${id}`,
        severity,
        hosts,
        message: `same ${label} ${value}`,
        fix: 'Give each machine its own; clones need a new one before they join.',
      }));
  });
}

function missingArtifacts({ inventory, desired, facts }: Ground): Finding[] {
  const wanted = new Map<string, string[]>();
  for (const host of inventory.hosts) {
    for (const resource of desired.hosts[host.name] ?? []) {
      if (resource.kind !== 'binary' && resource.kind !== 'image') continue;
      const { component, version, arch, name } = resource.artifact;
      if (cachedArtifact(facts.local.cache, resource.artifact) !== undefined) continue;
      const label = `${component} ${version} ${arch} ${name}`;
      wanted.set(label, [...(wanted.get(label) ?? []), host.name]);
    }
  }
  return [...wanted].map(([label, hosts]) => ({
    id: 'cache',
    severity: 'error',
    hosts,
    message: `the cache has no ${label}`,
    fix: 'Import it with kbin cache import FOLDER.',
  }));
}

/** Everything that stands in the way, of all hosts at once, in the inventory's order. Errors first. */
export function preflight(ground: Ground): Finding[] {
  const perHost = ground.inventory.hosts.flatMap((host) => {
    const facts = ground.facts.hosts[host.name];
    if (facts === undefined) return [];
    return HOST_CHECKS.flatMap((check) =>
      check(host, facts, ground).map((finding) => ({ ...finding, hosts: [host.name] })),
    );
  });
  const findings: Finding[] = [
    ...perHost,
    ...duplicates(ground),
    ...missingArtifacts(ground),
    ...encryptionFindings(ground),
  ];
  const ignored = (finding: Finding): boolean => ground.inventory.preflight.ignore.includes(finding.id);
  return findings
    .filter((finding) => !ignored(finding))
    .sort((a, b) => Number(a.severity === 'warning') - Number(b.severity === 'warning'));
}

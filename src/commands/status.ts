import { observe } from '../engine/observe.ts';
import { planFor } from '../engine/planning.ts';
import { EXIT_CODES } from '../errors.ts';
import type { Facts, HostFacts } from '../model/facts.ts';
import type { Host } from '../model/inventory.ts';
import { stepsOf } from '../model/plan.ts';
import { tableLines } from '../ui/table.ts';
import { flag, FLEET_OPTIONS, INVENTORY_OPTION, type Command } from './command.ts';
import { withRun } from './run.ts';

const DAY = 86_400_000;

function unitsText(facts: HostFacts): string {
  const units = Object.entries(facts.units);
  const bad = units.filter(([, unit]) => unit.active !== 'active').map(([name, unit]) => `${name} ${unit.active}`);
  const restarts = units
    .filter(([, unit]) => unit.restarts > 0)
    .map(([name, unit]) => `${name} restarted ${unit.restarts}x`);
  return [bad.length === 0 ? `${units.length} active` : bad.join(', '), ...restarts].join('; ');
}

function rowOf(host: Host, facts: Facts, steps: number): string[] {
  const own = facts.hosts[host.name];
  const roles = host.roles.join(',');
  if (own === undefined)
    return [host.name, host.address, roles, '-', facts.unreachable[host.name]?.message ?? 'unreachable', '-', '-'];
  const node = facts.api?.nodes[host.name];
  const ready = node === undefined ? '-' : node.ready ? `Ready ${node.kubeletVersion}` : 'NotReady';
  return [
    host.name,
    host.address,
    roles,
    ready,
    unitsText(own),
    steps === 0 ? 'none' : `${steps} steps`,
    `${own.os.id} ${own.os.version}`,
  ];
}

/** Name and days of the certificate that ends first. */
function nextExpiry(facts: Facts): { name: string; days: number } | undefined {
  const [first] = Object.values(facts.local.certificates)
    .filter((certificate) => certificate.notAfter > 0)
    .sort((a, b) => a.notAfter - b.notAfter);
  return first === undefined
    ? undefined
    : { name: first.name, days: Math.floor((first.notAfter - facts.observedAt) / DAY) };
}

export const status: Command = {
  usage: 'status',
  describe: 'hosts, units, Nodes, drift and the next certificate to expire',
  options: { ...INVENTORY_OPTION, ...FLEET_OPTIONS },
  run: (args) =>
    withRun(args, 'status', async (session) => {
      const { engine } = session;
      const facts = await observe(engine);
      const drift = stepsOf(planFor(engine, facts));
      const rows = engine.inventory.hosts.map((host) =>
        rowOf(host, facts, drift.filter((step) => step.host === host.name).length),
      );
      const expiry = nextExpiry(facts);
      const isWell =
        drift.length === 0 &&
        Object.keys(facts.unreachable).length === 0 &&
        Object.values(facts.hosts).every((host) =>
          Object.values(host.units).every((unit) => unit.active === 'active'),
        ) &&
        Object.values(facts.api?.nodes ?? {}).every((node) => node.ready);
      if (flag(args, 'json')) {
        session.result = { changed: 0, failed: new Map() };
        process.stdout.write(
          `${JSON.stringify({ type: 'status', cluster: engine.inventory.cluster, well: isWell, hosts: facts.hosts, unreachable: facts.unreachable, nodes: facts.api?.nodes ?? null, pendingSteps: drift.length, nextExpiry: expiry ?? null })}\n`,
        );
      } else {
        session.print(
          `cluster ${engine.inventory.cluster} (${facts.local.clusterId ?? 'not deployed from here'}), Kubernetes ${engine.inventory.versions.kubernetes}`,
        );
        for (const line of tableLines(['HOST', 'ADDRESS', 'ROLES', 'NODE', 'UNITS', 'DRIFT', 'OS'], rows))
          session.print(line);
        if (expiry !== undefined) session.print(`next certificate to expire: ${expiry.name} in ${expiry.days} days`);
        if (facts.api === null) session.print('no kube-apiserver answers');
      }
      return isWell ? 0 : EXIT_CODES.PENDING;
    }),
};

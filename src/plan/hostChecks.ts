import { GIBIBYTE, LEFTOVERS, NEEDED_PROGRAMS, portsOf } from '../catalog/requirements.ts';
import type { HostFacts } from '../model/facts.ts';
import type { Host } from '../model/inventory.ts';
import type { Finding, Ground } from './finding.ts';
import { cachedArtifact } from './need.ts';

export type HostCheck = (host: Host, facts: HostFacts, ground: Ground) => Omit<Finding, 'hosts'>[];

const error = (id: string, message: string, fix: string): Omit<Finding, 'hosts'> => ({
  id,
  severity: 'error',
  message,
  fix,
});

const checkSize: HostCheck = (host, facts, { inventory }) => {
  const { minimumCpus, minimumMemoryMiB } = inventory.preflight;
  if (!host.roles.includes('control-plane')) return [];
  return [
    ...(facts.cpus < minimumCpus
      ? [error('cpus', `${facts.cpus} CPU, ${minimumCpus} wanted`, 'Give it more, or lower preflight.minimumCpus.')]
      : []),
    ...(facts.memoryMiB < minimumMemoryMiB
      ? [
          error(
            'memory',
            `${facts.memoryMiB} MiB of memory, ${minimumMemoryMiB} wanted`,
            'Give it more, or lower preflight.minimumMemoryMiB.',
          ),
        ]
      : []),
  ];
};

/** Bytes that this host still has to receive, unpacked. */
function missingBytes(host: Host, facts: HostFacts, { desired, facts: all }: Ground): number {
  return (desired.hosts[host.name] ?? []).reduce((sum, resource) => {
    if (resource.kind !== 'binary' && resource.kind !== 'image') return sum;
    const there =
      resource.kind === 'binary' ? facts.paths[resource.path] !== undefined : facts.images.includes(resource.reference);
    return there ? sum : sum + (cachedArtifact(all.local.cache, resource.artifact)?.bytes ?? 0);
  }, 0);
}

const checkDisks: HostCheck = (host, facts, ground) => {
  const needed = missingBytes(host, facts, ground) + 0.5 * GIBIBYTE;
  return facts.disks.flatMap((disk) => [
    ...(disk.readOnly
      ? [error('read-only', `${disk.path} is read-only`, 'Remount it, and look at the kernel log for the reason.')]
      : []),
    ...(disk.path.startsWith('/opt') && disk.freeBytes < needed
      ? [
          error(
            'disk',
            `${disk.path} has ${mebibytes(disk.freeBytes)} MiB free, ${mebibytes(needed)} MiB are needed`,
            'Free space there, or mount a larger filesystem.',
          ),
        ]
      : []),
    ...(!disk.path.startsWith('/opt') && disk.freeBytes < 0.25 * GIBIBYTE
      ? [
          error(
            'disk',
            `${disk.path} has ${mebibytes(disk.freeBytes)} MiB free, 256 MiB are needed`,
            'Free space there.',
          ),
        ]
      : []),
    ...(disk.freeInodes < 2000
      ? [
          error(
            'inodes',
            `${disk.path} has ${disk.freeInodes} inodes free, 2000 are needed`,
            'Remove small files there.',
          ),
        ]
      : []),
  ]);
};

const mebibytes = (bytes: number): number => Math.floor(bytes / 1048576);

const checkArch: HostCheck = (host, facts) =>
  facts.arch === host.arch
    ? []
    : [
        error(
          'arch',
          `is ${facts.arch}, the inventory says ${host.arch}`,
          `Write arch: ${facts.arch} for this host, so that it gets binaries that run.`,
        ),
      ];

const checkInit: HostCheck = (_host, facts) =>
  facts.init === 'systemd'
    ? []
    : [error('systemd', `init is ${facts.init}, not systemd`, 'kbin needs a machine that systemd booted.')];

const checkPrograms: HostCheck = (host, facts, { desired }) => {
  const missing = NEEDED_PROGRAMS.filter((name) => !facts.programs.includes(name)).map((name) =>
    error('programs', `has no ${name}`, `Install ${name}.`),
  );
  const provided = (desired.hosts[host.name] ?? []).flatMap((resource) =>
    resource.kind === 'host-program' && facts.paths[resource.path] === undefined
      ? [error('programs', `has no ${resource.path}`, resource.fix ?? `Install the package ${resource.package}.`)]
      : [],
  );
  return [...missing, ...provided];
};

/** A unit that kbin started and that waits for others (etcd without a quorum) holds its ports itself. */
const isDown = (facts: HostFacts, unit: string): boolean =>
  ['inactive', 'failed', undefined].includes(facts.units[unit]?.active);

const checkPorts: HostCheck = (host, facts, { desired, inventory }) => {
  const units = new Set(
    (desired.hosts[host.name] ?? []).flatMap((resource) => (resource.kind === 'unit' ? [resource.name] : [])),
  );
  return portsOf(inventory).flatMap(({ port, unit }) => {
    const holder = facts.listening.find((listener) => listener.port === port);
    if (holder === undefined || !units.has(unit) || !isDown(facts, unit)) return [];
    const by = holder.program === '' ? 'another program' : holder.program;
    return [error('port', `port ${port} is taken by ${by}; ${unit} needs it`, `Stop ${by} there.`)];
  });
};

const checkClock: HostCheck = (_host, facts, { inventory }) => {
  const limit = inventory.preflight.maximumClockSkewSeconds;
  const off = Math.abs(facts.clock.offsetSeconds) - facts.clock.uncertaintySeconds;
  if (off <= limit) return [];
  const seconds = Math.round(facts.clock.offsetSeconds);
  return [
    error(
      'clock',
      `clock is ${seconds} s off the operator's, ${limit} s are allowed`,
      'Set up time synchronization; certificates are only valid in their time.',
    ),
  ];
};

const checkLeftovers: HostCheck = (_host, facts) => {
  if (facts.owned !== null) return [];
  const found = facts.leftovers.filter((path) => LEFTOVERS.includes(path));
  if (found.length === 0) return [];
  return [
    error(
      'leftovers',
      `holds ${found.join(', ')} of another cluster`,
      'Reset it with the tool that put it there (kubeadm reset), or move these away.',
    ),
  ];
};

/** What is asked of each host by itself. */
export const HOST_CHECKS: readonly HostCheck[] = [
  checkInit,
  checkArch,
  checkSize,
  checkDisks,
  checkPrograms,
  checkPorts,
  checkClock,
  checkLeftovers,
];

import { PLACES } from '../catalog/places.ts';
import { KbinError } from '../errors.ts';
import type { HostFacts, Owned } from '../model/facts.ts';
import { linesOf, malformed, readSections, valuesOf } from './answer.ts';
import { absolutePath } from './allowed.ts';
import { hostAddresses, listeningPorts, macAddresses } from './networkFacts.ts';
import { pathFacts } from './pathFacts.ts';
import { clockFact, cpuCount, diskFacts, goArch, memoryMiB, moduleFacts, osRelease, unitFacts } from './systemFacts.ts';

type Files = ReadonlyMap<string, readonly string[]>;

/** Lines of grep, `./path:line`, by absolute path. No path in the list has a colon but those of odd sysctls. */
function plainFiles(lines: readonly string[]): Files {
  const files = new Map<string, string[]>();
  for (const line of lines) {
    const [, path = '', text = ''] = /^\.(\/[^:]*):(.*)$/.exec(line) ?? malformed('a line ./path:text', line);
    files.set(path, [...(files.get(path) ?? []), text]);
  }
  return files;
}

const SYSCTL = '/proc/sys/';

/** A part with a dot in it is only told apart by the form with slashes. */
const sysctlName = (path: string): string => {
  const parts = path.slice(SYSCTL.length).split('/');
  return parts.some((part) => part.includes('.')) ? parts.join('/') : parts.join('.');
};

const KERNEL_IDENTITY = ['kernel.hostname', 'kernel.osrelease', 'kernel.random.boot_id'];

const sysctlFacts = (files: Files): Record<string, string> =>
  Object.fromEntries(
    [...files]
      .filter(([path]) => path.startsWith(SYSCTL))
      .map(([path, lines]) => [sysctlName(path), lines.join(' ').trim().replaceAll(/\s+/g, ' ')] as const)
      .filter(([name]) => !KERNEL_IDENTITY.includes(name)),
  );

const isStringList = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');

function isOwned(value: unknown): value is Owned {
  const { version, cluster, host, paths, units } = (value ?? {}) as Partial<Record<string, unknown>>;
  const { name, id } = (cluster ?? {}) as Partial<Record<string, unknown>>;
  return (
    [name, id, host].every((text) => typeof text === 'string') &&
    version === 1 &&
    isStringList(paths) &&
    isStringList(units)
  );
}

/** What kbin wrote on the host, or null. Throws STEP for a damaged file: without it, nothing says what is ours. */
function ownedFact(lines: readonly string[] | undefined): Owned | null {
  if (lines === undefined) return null;
  try {
    const owned: unknown = JSON.parse(lines.join('\n'));
    if (isOwned(owned)) return owned;
  } catch {
    // Falls through: text that is no JSON is as damaged as JSON of another shape.
  }
  throw new KbinError('STEP', `${PLACES.owned} is damaged`, {
    hint: `Restore it from a backup, or move it away when nothing of a cluster is on that host.`,
  });
}

/** Facts of a host with its certificates as they were printed: PEM texts, by path. */
export type Observation = Omit<HostFacts, 'certificates'> & { pems: Record<string, string> };

const CERTIFICATE = 'certificate ';

function pemFacts(lines: readonly string[]): Record<string, string> {
  const pems: Record<string, string> = {};
  let path = '';
  for (const line of lines) {
    if (line.startsWith(CERTIFICATE)) path = absolutePath(line.slice(CERTIFICATE.length));
    else pems[path] = `${pems[path] ?? ''}${line}\n`;
  }
  return pems;
}

/**
 * Facts of a host from the output of observeScript. `clock` has the operator's times in milliseconds when the command
 * was sent and when its end came. Throws STEP when the answer is cut off or not what the script prints.
 */
export function parseObservation(stdout: string, clock: { sentAt: number; receivedAt: number }): Observation {
  const { sections, end } = readSections(stdout, 'kbin-observe 1');
  const facts = linesOf(sections, '');
  const files = plainFiles(linesOf(sections, 'plain'));
  const one = (word: string): string => valuesOf(facts, word)[0] ?? malformed(`a line ${word}`, undefined);
  const first = (path: string): string => files.get(path)?.[0]?.trim() ?? '';
  const needed = (path: string): string => first(path) || malformed(`the content of ${path}`, undefined);
  const init = first('/proc/1/comm');
  const lines = (name: string): readonly string[] => linesOf(sections, name);
  return {
    hostname: needed('/proc/sys/kernel/hostname'),
    os: osRelease(files.get('/etc/os-release') ?? files.get('/usr/lib/os-release') ?? []),
    kernel: needed('/proc/sys/kernel/osrelease'),
    arch: goArch(one('arch')),
    cpus: cpuCount(first('/sys/devices/system/cpu/online')),
    memoryMiB: memoryMiB(files.get('/proc/meminfo') ?? []),
    bootId: needed('/proc/sys/kernel/random/boot_id'),
    machineId: first('/etc/machine-id'),
    productUuid: first('/sys/class/dmi/id/product_uuid'),
    macs: macAddresses(files),
    addresses: hostAddresses(lines('addresses'), files.get('/proc/net/if_inet6') ?? []),
    clock: clockFact(one('time'), end, clock),
    cgroup: one('cgroup') === '2' ? 2 : 1,
    init,
    swaps: (files.get('/proc/swaps') ?? []).slice(1).map((line) => line.split(/\s+/)[0] ?? ''),
    modules: moduleFacts(facts, sections.get('builtin') ?? []),
    sysctls: sysctlFacts(files),
    disks: diskFacts(lines('filesystems'), lines('mounts')),
    listening: listeningPorts(lines('sockets'), lines('listeners')),
    paths: pathFacts({ stats: lines('paths'), behind: lines('behind'), hashes: lines('hashes') }),
    pems: pemFacts(lines('certificates')),
    units: unitFacts(lines('units'), init, (unit) => files.get(`${PLACES.started}/${unit}`)?.[0] || undefined),
    images: lines('images').filter((line) => line !== ''),
    users: valuesOf(facts, 'user'),
    programs: valuesOf(facts, 'program'),
    owned: ownedFact(files.get(PLACES.owned)),
    ...(first(PLACES.restoring) === '' ? {} : { restoring: first(PLACES.restoring) }),
    leftovers: valuesOf(facts, 'leftover').map(absolutePath),
  };
}

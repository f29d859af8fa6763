import type { DiskFact, HostFacts, UnitFact } from '../model/facts.ts';
import { count, malformed, valuesOf } from './answer.ts';

const GO_ARCHES: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64' };

/** `uname -m` in Go's words where they are known. */
export const goArch = (machine: string): string => GO_ARCHES[machine] ?? machine;

/** ID, VERSION_ID and ID_LIKE of os-release(5); empty where they are missing. */
export function osRelease(lines: readonly string[]): HostFacts['os'] {
  const value = (key: string): string => {
    const line = lines.find((text) => text.startsWith(`${key}=`)) ?? '';
    return line.slice(key.length + 1).replace(/^(["'])(.*)\1$/, '$2');
  };
  return { id: value('ID'), version: value('VERSION_ID'), like: value('ID_LIKE') };
}

/** Number of CPUs in a list of the kernel, such as `0-3,8`. Throws STEP. */
export const cpuCount = (list: string | undefined): number =>
  (list ?? '').split(',').reduce((sum, range) => {
    const match = /^(\d+)(?:-(\d+))?$/.exec(range.trim());
    if (match === null) return malformed('a list of CPUs', list);
    const [, first = '0', last = first] = match;
    return sum + Number(last) - Number(first) + 1;
  }, 0);

/** MemTotal of /proc/meminfo. Throws STEP. */
export function memoryMiB(lines: readonly string[]): number {
  const total = lines.map((line) => /^MemTotal:\s+(\d+) kB$/.exec(line)?.[1]).find((found) => found !== undefined);
  return Math.floor(count(total, 'MemTotal') / 1024);
}

/** Offset of the host's clock, with the time that its script took taken out of the round trip. */
export function clockFact(
  time: string | undefined,
  uptimes: string,
  clock: { sentAt: number; receivedAt: number },
): HostFacts['clock'] {
  // busybox's date knows no nanoseconds and prints its pattern.
  const [, seconds, fraction] = /^(\d+)\.(?:(\d{9})|%N|N)$/.exec(time ?? '') ?? malformed('seconds.nanoseconds', time);
  const [, started = 0, ended = 0] = /^%end ([\d.]+) ([\d.]+)$/.exec(uptimes)?.map(Number) ?? [];
  const roundTrip = (clock.receivedAt - clock.sentAt) / 1000;
  const travel = Math.max(0, roundTrip - Math.max(0, ended - started));
  const hostTime = Number(seconds) + (fraction === undefined ? 0.5 : Number(`0.${fraction}`));
  return {
    offsetSeconds: hostTime - (clock.sentAt / 1000 + travel / 2),
    uncertaintySeconds: travel / 2 + (fraction === undefined ? 0.5 : 0),
  };
}

/** Blocks of `systemctl show` in the order in which the units were asked for. Throws STEP when some are missing. */
export function unitFacts(
  lines: readonly string[],
  init: string,
  startedWith: (unit: string) => string | undefined,
): Record<string, UnitFact> {
  const names = valuesOf(lines, 'unit');
  const blocks = lines
    .filter((line) => !line.startsWith('unit '))
    .join('\n')
    .split(/\n\n+/)
    .filter((block) => block !== '')
    .map(
      (block) =>
        new Map(block.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])),
    );
  // A machine that systemd did not boot has no units; preflight names that.
  if (blocks.length !== names.length && init === 'systemd')
    malformed(`${names.length} units`, `${blocks.length} units`);
  const fact = (name: string, block: ReadonlyMap<string, string> | undefined): UnitFact => {
    const started = startedWith(name);
    return {
      load: block?.get('LoadState') ?? 'not-found',
      active: block?.get('ActiveState') ?? 'inactive',
      sub: block?.get('SubState') ?? 'dead',
      enabled: block?.get('UnitFileState') === 'enabled',
      restarts: Number(block?.get('NRestarts') ?? 0),
      ...(started === undefined ? {} : { startedWith: started }),
    };
  };
  return Object.fromEntries(names.map((name, index) => [name, fact(name, blocks[index])]));
}

function isReadOnly(path: string, mounts: readonly string[]): boolean {
  let best = { point: '', options: '' };
  for (const line of mounts) {
    const [, point = '', , options = ''] = line.split(' ');
    const covers = point === '/' || path === point || path.startsWith(`${point}/`);
    // Of two mounts on one place the later is the one that is seen.
    if (covers && point.length >= best.point.length) best = { point, options };
  }
  return best.options.split(',').includes('ro');
}

/** Free space by the path that was asked for; a path that does not exist has its nearest parent's. Throws STEP. */
export function diskFacts(filesystems: readonly string[], mounts: readonly string[]): DiskFact[] {
  const rows = new Map(
    filesystems
      .filter((line) => !line.startsWith('disk '))
      .map((line) => {
        const match = /^(\d+)\|(\d+)\|(\d+)\|(\d+)\|(\d+)\|(.*)$/.exec(line) ?? malformed('a filesystem', line);
        return [match[6], match.slice(1, 6).map(Number)];
      }),
  );
  return valuesOf(filesystems, 'disk').map((line) => {
    const [path = '', probe = ''] = line.split(' ');
    const [size = 0, free = 0, total = 0, inodes = 0, freeInodes = 0] =
      rows.get(probe) ?? malformed(`space of ${probe}`, line);
    return {
      path,
      freeBytes: free * size,
      totalBytes: total * size,
      // btrfs and others without a fixed table report zero of zero: they do not run out.
      freeInodes: inodes === 0 ? Number.MAX_SAFE_INTEGER : freeInodes,
      readOnly: isReadOnly(path, mounts),
    };
  });
}

/** Asked modules that are loaded or part of the kernel, by the name with underscores that the kernel uses. */
export function moduleFacts(lines: readonly string[], builtin: readonly string[]): string[] {
  const inKernel = new Set(builtin.map((line) => (/([^/\s]+?)(?:\.ko)?$/.exec(line)?.[1] ?? '').replaceAll('-', '_')));
  return [...valuesOf(lines, 'module'), ...valuesOf(lines, 'unloaded').filter((name) => inKernel.has(name))];
}

import { PLACES } from '../catalog/places.ts';
import { hostPath, unitName } from './allowed.ts';
import { builtinPattern, sysctlPath, sysModule } from './kernelNames.ts';
import { recallScript } from './immutable.ts';
import { shellQuote, shellWords } from './quote.ts';
import { compact, PRELUDE } from './shell.ts';

export { parseObservation } from './observation.ts';

/** What to look at on one host, beyond what is always told. */
export interface ObserveInput {
  /** Type, mode, owner, and the hash of files or the target of links. */
  paths: string[];
  /** Large versioned files: hashed again only when size, times or inode differ from when their hash was verified. */
  immutable: string[];
  /** Files with a certificate that is told whole; of a private key in the same file nothing is. */
  certificates: string[];
  units: string[];
  /** Names as sysctl(8) has them; one with a dot inside a part is written with slashes. */
  sysctls: string[];
  modules: string[];
  users: string[];
  /** Looked up in PATH, /usr/sbin and /sbin. */
  programs: string[];
  /** Ask containerd for its images. */
  images: boolean;
  /** Paths that betray another cluster. */
  leftovers: string[];
  /** Hash everything. */
  deep: boolean;
  /** Where the inventory puts links to programs; default /usr/local/bin. */
  binDir?: string;
}

const DISKS = ['/var/lib', '/var/lib/etcd', '/opt', '/'] as const;

/** Files whose lines are told as they are. One grep reads them all. */
const PLAIN_FILES = [
  '/usr/lib/os-release',
  '/etc/os-release',
  '/etc/machine-id',
  '/proc/sys/kernel/hostname',
  '/proc/sys/kernel/osrelease',
  '/proc/sys/kernel/random/boot_id',
  '/proc/1/comm',
  '/proc/meminfo',
  '/proc/swaps',
  '/proc/net/if_inet6',
  '/sys/devices/system/cpu/online',
  '/sys/class/dmi/id/product_uuid',
  PLACES.owned,
  PLACES.restoring,
] as const;

function facts(input: ObserveInput): string {
  const { modules, users, programs, leftovers } = input;
  return compact(`
    printf 'time %s\\n' "$(date +%s.%N)"
    if read -r arch <./proc/sys/kernel/arch; then printf 'arch %s\\n' "$arch"; else printf 'arch %s\\n' "$(uname -m)"; fi 2>/dev/null
    if [ -e ./sys/fs/cgroup/cgroup.controllers ]; then echo 'cgroup 2'; else echo 'cgroup 1'; fi
    for name in ${shellWords(programs)}; do
      if command -v "$name" >/dev/null; then printf 'program %s\\n' "$name"; fi
    done
    for name in ${shellWords(leftovers.map(hostPath))}; do
      if [ -e "$name" ]; then printf 'leftover %s\\n' "$name"; fi
    done
    while IFS=: read -r name rest; do
      for user in ${shellWords(users)}; do
        if [ "$user" = "$name" ]; then printf 'user %s\\n' "$user"; fi
      done
    done 2>/dev/null <./etc/passwd
    set -- /
    for name in ${shellWords(modules.map(sysModule))}; do
      # Without /proc/modules the kernel loads none: what it can do is part of it.
      if [ -d "./sys/module/$name" ] || [ ! -e ./proc/modules ]; then printf 'module %s\\n' "$name"; else set -- "$@" "$name"; fi
    done
    # What is not loaded can be part of the kernel.
    if [ $# -gt 1 ] && read -r kernel <./proc/sys/kernel/osrelease; then
      shift
      printf 'unloaded %s\\n' "$@"
      section builtin
      grep -s -h -E ${shellQuote(builtinPattern(modules))} ./proc/filesystems "./lib/modules/$kernel/modules.builtin"
    fi 2>/dev/null
  `);
}

const plain = (input: ObserveInput): string =>
  compact(`
    section plain
    grep -s '' ${shellWords([...PLAIN_FILES, ...input.units.map((unit) => `${PLACES.started}/${unitName(unit)}`)].map(hostPath))} ${shellWords(input.sysctls.map(sysctlPath))} ./sys/class/net/*/address
    section sockets
    grep -s -h -E ':[0-9A-F]{4} [0-9A-F]+:0000 0A ' ./proc/net/tcp ./proc/net/tcp6
    section addresses
    grep -s -B1 'host LOCAL' ./proc/net/fib_trie
    section listeners
    # Looking into all processes is dear; who holds a port matters before the first installation.
    if [ ! -e ${hostPath(PLACES.owned)} ] && command -v ss >/dev/null; then ss -ltnp 2>/dev/null; fi
  `);

const disks = compact(`
  section filesystems
  set --
  for disk in ${shellWords(DISKS)}; do
    probe=.\${disk%/}
    until [ -d "$probe" ]; do probe=\${probe%/*}; done
    printf 'disk %s %s\\n' "$disk" "$probe"
    set -- "$@" "$probe"
  done
  stat -f -c '%S|%a|%b|%c|%d|%n' -- "$@" 2>/dev/null
  section mounts
  grep -s -h -E '^[^ ]+ /(${DISKS.map((disk) => disk.slice(1)).join('|')}|var) ' ./proc/self/mounts
`);

function paths(input: ObserveInput): string {
  const small = input.paths.map(hostPath);
  const all = [...small, ...input.immutable.map(hostPath)];
  if (all.length === 0) return 'section paths\nsection behind\nsection hashes';
  return compact(`
    section paths
    set -- ${shellWords(all)}
    stat -c 'p|%f|%s|%U:%G|%N' -- "$@" 2>/dev/null
    section behind
    for path do
      shift
      if [ -h "$path" ] && [ -d "$path" ]; then set -- "$@" "$path"; fi
    done
    if [ $# -gt 0 ]; then stat -L -c 'p|%f|%s|%U:%G|%N' -- "$@" 2>/dev/null; fi
    section hashes
    set -- ${shellWords(small)}
    for path do
      shift
      if [ -f "$path" ] && [ ! -h "$path" ]; then set -- "$@" "$path"; fi
    done
    if [ $# -gt 0 ]; then sha256sum -- "$@" 2>/dev/null; fi
  `);
}

function certificates(input: ObserveInput): string {
  if (input.certificates.length === 0) return 'section certificates';
  return compact(`
    section certificates
    for path in ${shellWords(input.certificates.map(hostPath))}; do
      if [ -f "$path" ]; then
        printf 'certificate %s\\n' "$path"
        sed -n '/^-----BEGIN CERTIFICATE-----$/,/^-----END CERTIFICATE-----$/{p;/^-----END/q;}' "$path"
      fi
    done 2>/dev/null
  `);
}

function units(input: ObserveInput): string {
  const names = input.units.map(unitName);
  if (names.length === 0) return 'section units';
  const properties = ['LoadState', 'ActiveState', 'SubState', 'UnitFileState', 'NRestarts'];
  return compact(`
    section units
    printf 'unit %s\\n' ${shellWords(names)}
    systemctl show -p ${properties.join(',')} -- ${shellWords(names)} 2>/dev/null
  `);
}

function images(input: ObserveInput): string {
  if (!input.images) return 'section images';
  const ctr = shellQuote(hostPath(`${input.binDir ?? '/usr/local/bin'}/ctr`));
  return compact(`
    section images
    if [ -x ${ctr} ] && [ -S ./run/containerd/containerd.sock ]; then
      ${ctr} --connect-timeout 5s --timeout 20s -n k8s.io images list -q 2>/dev/null
    fi
  `);
}

/**
 * One POSIX sh script whose output parseObservation turns into the facts of a host. It starts about a dozen processes,
 * however long the lists are. It always ends with 0 and the line `%end`; what is not there is simply not told.
 */
export function observeScript(input: ObserveInput): string {
  return [
    PRELUDE,
    'export QUOTING_STYLE=c',
    `section() { printf '%%%s\\n' "$1"; }`,
    'read -r started rest </proc/uptime',
    "echo 'kbin-observe 1'",
    facts(input),
    plain(input),
    disks,
    paths(input),
    recallScript(input),
    certificates(input),
    units(input),
    images(input),
    'read -r ended rest </proc/uptime',
    `printf '%%end %s %s\\n' "$started" "$ended"`,
    'exit 0',
  ]
    .filter((part) => part !== '')
    .join('\n');
}

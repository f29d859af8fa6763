import { complaint, describePath, keyComplaint, quoted, type Complaint, type Path } from '../fault.ts';
import { parseAddress } from '../cidr.ts';
import { MOST_HOSTS, type Expanded } from '../ranges.ts';
import { isTarget, RFC1123_NAME } from '../schema/texts.ts';
import { didYouMean } from '../suggest.ts';
import { entriesOf, rolesOf, type Check, type Ground } from './ground.ts';

/** The plan calls the operator's machine and the API so, in the place of a host's name. */
const RESERVED = ['local', 'api'];

/** CN=system:node:NAME has at most 64 letters (RFC 5280, ub-common-name). */
const LONGEST_NAME = 64 - 'system:node:'.length;

const atKey = ({ entry }: Expanded, key: string): Path => ['hosts', entry, key];

function nameFault(name: string): [string, string] | undefined {
  if (RESERVED.includes(name)) return [`${quoted(name)} means something else in plans.`, 'Choose another name.'];
  if (name.length > LONGEST_NAME) {
    return [
      `${quoted(name)} has ${name.length} letters.`,
      `Write at most ${LONGEST_NAME}: it goes into a certificate.`,
    ];
  }
  if (!RFC1123_NAME.test(name)) {
    return [`${quoted(name)} is not a host name.`, 'Write small letters, digits and dashes, such as worker-1.'];
  }
  return undefined;
}

export const checkNames: Check = ({ hosts }) =>
  hosts.flatMap((host) => {
    const fault = host.name === undefined ? undefined : nameFault(host.name);
    return fault === undefined ? [] : [complaint(atKey(host, 'name'), ...fault)];
  });

export const checkTargets: Check = ({ hosts }) =>
  hosts.flatMap((host) =>
    host.sshAddress === undefined || isTarget(host.sshAddress)
      ? []
      : [
          complaint(
            atKey(host, 'sshAddress'),
            `${quoted(host.sshAddress)} is not a host name or an address.`,
            'Write a name or an address, such as worker-1.example.com.',
          ),
        ],
  );

export const checkAddresses: Check = ({ hosts }) =>
  hosts.flatMap((host) =>
    host.address === undefined || parseAddress(host.address) !== undefined
      ? []
      : [
          complaint(
            atKey(host, 'address'),
            `${quoted(host.address)} is not an IPv4 address.`,
            'Write four numbers, such as 10.0.0.12.',
          ),
        ],
  );

/** Complaints of hosts that share what `identity` gives; each names the place of the first. */
function shared(
  { hosts, lineOf }: Ground,
  key: 'name' | 'address' | 'sshAddress',
  identity: (host: Expanded) => string | undefined,
): Complaint[] {
  const first = new Map<string, Expanded>();
  return hosts.flatMap((host) => {
    const own = identity(host);
    if (own === undefined) return [];
    const other = first.get(own);
    if (other === undefined) {
      first.set(own, host);
      return [];
    }
    const place = `${describePath(atKey(other, key))}, line ${lineOf(atKey(other, key))}`;
    const whose = other.name === undefined || key === 'name' ? '' : ` of ${other.name}`;
    return [
      complaint(
        atKey(host, key),
        `${quoted(host[key] ?? own)} is already the ${WHAT[key]}${whose} (${place}).`,
        FIX[key],
      ),
    ];
  });
}

const WHAT = { name: 'name of a host', address: 'address', sshAddress: 'SSH address' };
const FIX = {
  name: 'Give each host a name of its own.',
  address: 'Give each host its own address.',
  sshAddress: 'Each machine can be one host only.',
};

export const checkUniqueNames: Check = (ground) => shared(ground, 'name', ({ name }) => name);
export const checkUniqueAddresses: Check = (ground) => shared(ground, 'address', ({ address }) => address);

/** Behind different bastions or ports, the same SSH address can be another machine. */
export const checkUniqueTargets: Check = (ground) =>
  shared(ground, 'sshAddress', (host) => {
    if (host.sshAddress === undefined) return undefined;
    const entry = ground.draft.hosts?.[host.entry];
    const pool = entry?.pool === undefined ? undefined : ground.draft.pools?.[entry.pool];
    const ssh = { ...ground.draft.ssh, ...pool?.ssh, ...entry?.ssh };
    return JSON.stringify([host.sshAddress.toLowerCase(), ssh.port, ssh.bastions]);
  });

/** This machine can be only one of the hosts. */
export const checkLocal: Check = ({ draft, hosts }) =>
  hosts
    .filter(({ entry }) => {
      const own = draft.hosts?.[entry];
      const pool = own?.pool === undefined ? undefined : draft.pools?.[own.pool];
      return (own?.ssh?.transport ?? pool?.ssh?.transport ?? draft.ssh?.transport) === 'local';
    })
    .slice(1)
    .map((host) =>
      complaint(atKey(host, 'name'), 'a second host has the transport local.', 'Only one host can be this machine.'),
    );

export const checkPools: Check = ({ draft }) =>
  entriesOf(draft).flatMap(({ entry: { pool }, index }) => {
    const names = Object.keys(draft.pools ?? {});
    if (pool === undefined || names.includes(pool)) return [];
    const fix = names.length === 0 ? 'Write it under pools.' : didYouMean(pool, names);
    return [complaint(['hosts', index, 'pool'], `there is no pool ${quoted(pool)}.`, fix)];
  });

export const checkRoles: Check = ({ draft, known }) => [
  ...entriesOf(draft).flatMap(({ entry, index }) => {
    const pool = entry.pool === undefined ? undefined : draft.pools?.[entry.pool];
    // A misspelt key or an unknown pool has a complaint of its own.
    const isExplained =
      (entry.pool !== undefined && pool === undefined) ||
      known.some(({ path, at }) => at === 'key' && path[0] === 'hosts' && path[1] === index && path.length === 3);
    if ('roles' in entry || pool?.roles !== undefined || isExplained) return [];
    return [
      complaint(
        ['hosts', index, 'roles'],
        'missing.',
        'Write roles here or in the pool: [etcd, control-plane, worker].',
      ),
    ];
  }),
  ...entriesOf(draft).flatMap(({ entry, index }) => repeated(entry.roles ?? [], ['hosts', index, 'roles'])),
  ...Object.entries(draft.pools ?? {}).flatMap(([name, pool]) => repeated(pool?.roles ?? [], ['pools', name, 'roles'])),
];

const repeated = (roles: readonly (string | undefined)[], path: Path): Complaint[] =>
  roles.flatMap((role, index) =>
    role === undefined || roles.indexOf(role) === index
      ? []
      : [complaint([...path, index], `the role ${role} stands here twice.`, 'Write it once.')],
  );

export const checkCount: Check = ({ hosts }) =>
  hosts.length <= MOST_HOSTS
    ? []
    : [keyComplaint(['hosts'], `these are ${hosts.length} hosts.`, `Kubernetes supports ${MOST_HOSTS} in a cluster.`)];

/** Whether a host becomes a Kubernetes Node; unknown roles count as one. */
export const isNodeEntry = (draft: Ground['draft'], entry: number): boolean =>
  rolesOf(draft, entry)?.some((role) => role !== 'etcd') ?? true;

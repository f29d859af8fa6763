import { complaint, quoted, type Complaint, type Path } from '../fault.ts';
import { contains, formatCidr, overlaps, parseAddress, parseCidr, type Cidr } from '../cidr.ts';
import { DEFAULTS } from '../defaults.ts';
import { orDefault, type Check, type Ground } from './ground.ts';
import { isNodeEntry } from './hosts.ts';

/** kube-apiserver refuses more than 20 bits of service addresses (its options' validation, maxCIDRBits). */
const LARGEST_SERVICE_PREFIX = 12;
/** The cluster's DNS gets the tenth address. */
const SMALLEST_SERVICE_PREFIX = 28;

/** RFC 6890: networks in which no host can be reached by others. */
const UNUSABLE: readonly { text: string; what: string }[] = [
  { text: '0.0.0.0/8', what: 'this network' },
  { text: '127.0.0.0/8', what: 'loopback' },
  { text: '169.254.0.0/16', what: 'link-local' },
  { text: '224.0.0.0/3', what: 'multicast and reserved' },
];
const unusable = UNUSABLE.flatMap(({ text, what }) => {
  const parsed = parseCidr(text);
  return parsed === undefined ? [] : [{ ...parsed, text, what }];
});

type CidrKey = 'podCidr' | 'serviceCidr';
const KEYS: readonly CidrKey[] = ['podCidr', 'serviceCidr'];
const at = (key: string): Path => ['network', key];

/** The networks that can be told; one that is at fault is left out. */
function cidrsOf({ draft }: Ground): { key: CidrKey; cidr: Cidr }[] {
  return KEYS.flatMap((key) => {
    const text = orDefault(draft.network, key, DEFAULTS.network[key]);
    const parsed = text === undefined ? undefined : parseCidr(text);
    return parsed === undefined ? [] : [{ key, cidr: parsed.cidr }];
  });
}

export const checkCidrs: Check = ({ draft: { network } }) =>
  KEYS.flatMap((key) => {
    const text = network?.[key];
    if (text === undefined) return [];
    const parsed = parseCidr(text);
    if (parsed === undefined) {
      return [
        complaint(at(key), `${quoted(text)} is not an IPv4 network.`, `Write one such as ${DEFAULTS.network[key]}.`),
      ];
    }
    const { cidr, written } = parsed;
    if (cidr.value !== written.value) {
      return [complaint(at(key), `${quoted(text)} has host bits set.`, `Write ${formatCidr(cidr)}.`)];
    }
    const taken = unusable.find((other) => overlaps(other.cidr, cidr));
    if (taken === undefined) return [];
    return [complaint(at(key), `${quoted(text)} overlaps ${taken.text} (${taken.what}).`, 'Write a private network.')];
  });

export const checkServiceSize: Check = (ground) =>
  cidrsOf(ground).flatMap(({ key, cidr }) => {
    if (key !== 'serviceCidr') return [];
    if (cidr.prefix < LARGEST_SERVICE_PREFIX) {
      return [
        complaint(at(key), `/${cidr.prefix} is larger than kube-apiserver takes.`, 'Write /12 or a longer prefix.'),
      ];
    }
    if (cidr.prefix <= SMALLEST_SERVICE_PREFIX) return [];
    return [complaint(at(key), `/${cidr.prefix} has no room for ten Services.`, 'Write /28 or a shorter prefix.')];
  });

export const checkOverlap: Check = (ground) => {
  const [pods, services] = cidrsOf(ground);
  if (pods === undefined || services === undefined || !overlaps(pods.cidr, services.cidr)) return [];
  const key = ground.draft.network !== undefined && 'serviceCidr' in ground.draft.network ? 'serviceCidr' : 'podCidr';
  const other = key === 'serviceCidr' ? 'podCidr' : 'serviceCidr';
  return [
    complaint(
      at(key),
      `podCidr ${formatCidr(pods.cidr)} and serviceCidr ${formatCidr(services.cidr)} overlap.`,
      `Choose a network outside ${other}.`,
    ),
  ];
};

export const checkPodRoom: Check = (ground) => {
  const { draft, hosts } = ground;
  const pods = cidrsOf(ground).find(({ key }) => key === 'podCidr');
  const nodePrefix = orDefault(draft.network, 'nodePrefix', DEFAULTS.network.nodePrefix);
  if (pods === undefined || nodePrefix === undefined) return [];
  const own: CidrKey | 'nodePrefix' = draft.network?.nodePrefix === undefined ? 'podCidr' : 'nodePrefix';
  if (nodePrefix < pods.cidr.prefix) {
    return [
      complaint(
        at(own),
        `a node’s part /${nodePrefix} is larger than podCidr ${formatCidr(pods.cidr)}.`,
        'Write a larger podCidr or a longer nodePrefix.',
      ),
    ];
  }
  const room = 2 ** (nodePrefix - pods.cidr.prefix);
  const nodes = hosts.filter(({ entry }) => isNodeEntry(draft, entry)).length;
  if (nodes <= room) return [];
  return [
    complaint(
      at(own),
      `podCidr ${formatCidr(pods.cidr)} has room for ${room} ${room === 1 ? 'node' : 'nodes'} of /${nodePrefix}, and there are ${nodes}.`,
      'Write a larger podCidr or a longer nodePrefix.',
    ),
  ];
};

/** What is wrong with an address that others must reach. */
function addressComplaint(ground: Ground, path: Path, text: string | undefined): Complaint[] {
  const address = text === undefined ? undefined : parseAddress(text);
  if (text === undefined || address === undefined) return [];
  const useless = unusable.find(({ cidr }) => contains(cidr, address));
  if (useless !== undefined) {
    return [
      complaint(
        path,
        `${text} lies in ${useless.text} (${useless.what}).`,
        'Write an address that the other hosts reach.',
      ),
    ];
  }
  return cidrsOf(ground)
    .filter(({ cidr }) => contains(cidr, address))
    .map(({ key, cidr }) =>
      complaint(path, `${text} lies in network.${key} ${formatCidr(cidr)}.`, `Choose a ${key} that holds no host.`),
    );
}

export const checkReachable: Check = (ground) => [
  ...ground.hosts.flatMap(({ entry, address }) => addressComplaint(ground, ['hosts', entry, 'address'], address)),
  ...addressComplaint(ground, ['endpoint', 'host'], ground.draft.endpoint?.host),
];

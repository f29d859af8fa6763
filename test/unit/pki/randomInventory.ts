import type { KeyAlgorithm } from '../../../src/model/pki.ts';
import { Random } from './random.ts';
import { dnsName, hostName, ipv6, nameOrAddress } from './randomNames.ts';

export interface SiteHost {
  name: string;
  address: string;
  roles: string[];
}

export interface SiteExtra {
  name: string;
  ca: string;
  commonName: string;
  organizations: string[];
  usages: string[];
  sans: string[];
  sanRules: string[];
  per: string;
  days: number;
}

/** What certificates depend on, as somebody would tell it who wants a cluster; not as kbin keeps it. */
export interface Site {
  hosts: SiteHost[];
  /** Undefined: it is the first control plane. */
  endpoint: string | undefined;
  serviceCidr: string;
  dnsDomain: string;
  algorithm: KeyAlgorithm;
  leafDays: number;
  caDays: number;
  days: Record<string, number>;
  apiserverSans: string[];
  extra: SiteExtra[];
  kubeletServing: 'kbin' | 'kubelet';
  hasExternalEtcd: boolean;
  hasFlannel: boolean;
}

const MOST_HOSTS = 12;
const LONGEST_DAYS = 36_500;

function rolesOf(random: Random, count: number, hasExternalEtcd: boolean): string[][] {
  const indexes = Array.from({ length: count }, (_, index) => index);
  const odd = [1, 3, 5, 7].filter((members) => members <= count) as [number, ...number[]];
  const members = random.some(indexes, hasExternalEtcd ? 0 : random.pick(odd));
  const planes = random.some(indexes, random.whole(1, 5));
  const workers = random.some(indexes, random.whole(1, count));
  return indexes.map((index) => {
    const roles = Object.entries({ etcd: members, 'control-plane': planes, worker: workers })
      .filter(([, own]) => own.includes(index))
      .map(([role]) => role);
    return roles.length === 0 ? ['worker'] : random.some(roles, 3);
  });
}

function hostsOf(random: Random, hasExternalEtcd: boolean): SiteHost[] {
  const names = new Set(random.list(1, MOST_HOSTS, () => hostName(random)));
  const addresses = new Set<string>();
  while (addresses.size < names.size) addresses.add(`192.168.${random.whole(0, 255)}.${random.whole(1, 254)}`);
  const roles = rolesOf(random, names.size, hasExternalEtcd);
  return [...names].map((name, index) => ({
    name,
    address: [...addresses][index] ?? '',
    roles: roles[index] ?? [],
  }));
}

/** Away from hosts, pods and networks that nobody can use. */
function serviceCidr(random: Random): string {
  const prefix = random.whole(12, 28);
  const size = 2 ** (32 - prefix);
  // 172.16.0.0/12 is as large as one may be.
  const base = 0xac100000 + size * random.whole(0, 2 ** 20 / size - 1);
  return `${[24, 16, 8, 0].map((shift) => (base >>> shift) & 255).join('.')}/${prefix}`;
}

const HOST_RULES = ['node-name', 'node-address'];
const RULES = ['own-name', 'loopback', 'kubernetes-service-names', 'api-service-address', 'endpoint', 'api-extra'];

function extraOf(random: Random, { hasExternalEtcd, caDays }: Pick<Site, 'hasExternalEtcd' | 'caDays'>): SiteExtra {
  const per = random.pick(['cluster', 'control-plane', 'node', hasExternalEtcd ? 'node' : 'etcd']);
  const isOfHosts = per !== 'cluster';
  const rules = isOfHosts ? [...RULES, ...HOST_RULES] : RULES;
  return {
    name: `extra-${random.whole(0, 1e6)}`,
    ca: random.pick(['ca', 'front-proxy-ca', hasExternalEtcd ? 'ca' : 'etcd-ca']),
    // 12 letters are left beside the longest name of a host; what own-name takes must be a name.
    commonName: isOfHosts && random.chance(0.7) ? 'agent.{host}' : random.pick(['web', 'Web.Example', 'a-1.b']),
    organizations: random.list(0, 3, () => random.pick(['team:web', 'Ärger & Söhne', 'a, b', 'プロジェクト', '🙂'])),
    usages: random.some(['server', 'client'], random.whole(1, 2)),
    sans: [...new Set([nameOrAddress(random), ...random.list(0, 2, () => nameOrAddress(random))])],
    sanRules: random.some(rules, random.whole(0, 3)),
    per,
    days: random.whole(1, caDays),
  };
}

/** What the API servers' certificate has anyway, written in another way. */
const AGAIN = ['0:0:0:0:0:0:0:1', 'LocalHost'];

/** A site that kbin must take. */
export function randomSite(seed: number): Site {
  const random = new Random(seed);
  const caDays = random.whole(1, random.pick([30, 4000, LONGEST_DAYS]));
  const hasExternalEtcd = random.chance(0.3);
  const own = { hasExternalEtcd, caDays };
  const extra = random.list(0, 3, () => extraOf(random, own));
  return {
    ...own,
    hosts: hostsOf(random, hasExternalEtcd),
    endpoint: random.chance(0.7) ? nameOrAddress(random) : undefined,
    serviceCidr: serviceCidr(random),
    dnsDomain: random.pick(['cluster.local', 'k8s', 'a.b-1.example']),
    algorithm: random.pick(['ECDSA-P256', 'ECDSA-P256', 'ECDSA-P256', 'ECDSA-P384', 'RSA-2048']),
    leafDays: random.whole(1, caDays),
    days: Object.fromEntries(
      random.some(['admin', 'apiserver', 'kubelet', 'etcd-peer'], 2).map((row) => [row, random.whole(1, caDays)]),
    ),
    apiserverSans: [
      ...(random.chance(0.5) ? AGAIN : []),
      ...new Set(random.list(0, 5, () => random.pick([nameOrAddress, ipv6, () => `*.${dnsName(random)}`])(random))),
    ],
    extra: extra.filter(({ name }, index) => extra.findIndex((one) => one.name === name) === index),
    kubeletServing: random.pick(['kbin', 'kubelet']),
    hasFlannel: random.chance(0.6),
  };
}

/** The site as an inventory; JSON is YAML. */
export function inventoryText(site: Site): string {
  const { algorithm, leafDays, caDays, days, apiserverSans, extra, kubeletServing } = site;
  const etcd = { caFile: '/ca.crt', certFile: '/client.crt', keyFile: '/client.key' };
  return JSON.stringify({
    apiVersion: 'kbin.dev/v1',
    kind: 'Cluster',
    name: 'random',
    versions: { kubernetes: 'v1.36.2' },
    network: {
      podCidr: '10.244.0.0/16',
      serviceCidr: site.serviceCidr,
      dnsDomain: site.dnsDomain,
      cni: { name: site.hasFlannel ? 'flannel' : 'none' },
    },
    ...(site.endpoint === undefined ? {} : { endpoint: { host: site.endpoint } }),
    ...(site.hasExternalEtcd ? { etcd: { external: { endpoints: ['https://192.0.2.1:2379'], ...etcd } } } : {}),
    certificates: { algorithm, leafDays, caDays, days, apiserverSans, extra, kubeletServing },
    hosts: site.hosts,
  });
}

import { readFileSync } from 'node:fs';
import { isIPv4, isIPv6 } from 'node:net';
import { load } from 'js-yaml';
import type { Site, SiteHost } from './randomInventory.ts';

/**
 * What certificates a site needs, by certs/catalog.yml and the meaning that its head gives to each word: told once more
 * here, without any of kbin's own code.
 */

export interface ExpectedCertificate {
  name: string;
  ca: string | undefined;
  isAuthority: boolean;
  commonName: string;
  organizations: string[];
  usages: string[];
  /** In small letters, sorted. */
  dns: string[];
  /** Bytes in hex, sorted. */
  ip: string[];
  days: number;
}

interface Row {
  name: string;
  per: string;
  ca?: string;
  authority?: boolean;
  'key-pair'?: boolean;
  cn?: string;
  o?: string[];
  usages?: string[];
  sans?: string[];
  days?: 'leaf' | 'ca' | number;
  when?: string;
  /** Of the inventory's own. */
  names?: string[];
}

const CATALOG = load(readFileSync(new URL('../../../certs/catalog.yml', import.meta.url), 'utf8')) as Row[];

const isNode = ({ roles }: SiteHost): boolean => roles.includes('control-plane') || roles.includes('worker');

/** Hosts that have one of their own; one without a host where there is one for all. */
function ownersOf({ hosts }: Site, per: string): (SiteHost | undefined)[] {
  if (per === 'cluster') return [undefined];
  return hosts.filter((host) => (per === 'node' ? isNode(host) : host.roles.includes(per)));
}

function isWanted(site: Site, when: string | undefined): boolean {
  if (when === undefined) return true;
  if (when === 'managed-etcd') return !site.hasExternalEtcd;
  if (when === 'flannel') return site.hasFlannel;
  if (when === 'kubelet-serving') return site.kubeletServing === 'kbin';
  throw new Error(`certs/catalog.yml has a condition ${when} that this test does not know`);
}

/** The first address of a network of IPv4. */
function firstOf(cidr: string): string {
  const octets = (cidr.split('/')[0] ?? '').split('.').map(Number);
  return [...octets.slice(0, 3), (octets[3] ?? 0) + 1].join('.');
}

function namesOf(site: Site, rule: string, host: SiteHost | undefined): string[] {
  const control = site.hosts.find(({ roles }) => roles.includes('control-plane'));
  const names: Record<string, string[]> = {
    'node-name': [host?.name ?? ''],
    'node-address': [host?.address ?? ''],
    loopback: ['localhost', '127.0.0.1', '::1'],
    'kubernetes-service-names': ['', '.default', '.default.svc', `.default.svc.${site.dnsDomain}`].map(
      (end) => `kubernetes${end}`,
    ),
    'api-service-address': [firstOf(site.serviceCidr)],
    endpoint: [site.endpoint ?? control?.address ?? ''],
    'api-extra': site.apiserverSans,
  };
  const own = names[rule];
  if (own === undefined) throw new Error(`certs/catalog.yml has a rule ${rule} that this test does not know`);
  return own;
}

/** An address as hex of its four or sixteen bytes. */
export function addressHex(address: string): string {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number)).toString('hex');
  const groups = address.replace(/\d+\.\d+\.\d+\.\d+$/, (four) => {
    const hex = addressHex(four);
    return `${hex.slice(0, 4)}:${hex.slice(4)}`;
  });
  const [head = [], tail = []] = groups.split('::').map((half) => half.split(':').filter((group) => group !== ''));
  const missing = Array<string>(8 - head.length - tail.length).fill('0');
  return [...head, ...missing, ...tail].map((group) => group.toLowerCase().padStart(4, '0')).join('');
}

const isAddress = (name: string): boolean => isIPv4(name) || isIPv6(name);
const sorted = (names: readonly string[]): string[] => [...new Set(names)].sort();

function certificateOf(site: Site, row: Row, host: SiteHost | undefined): ExpectedCertificate {
  const commonName = (row.cn ?? '').replace('{host}', host?.name ?? '');
  const names = [
    ...(row.sans ?? []).flatMap((rule) => (rule === 'own-name' ? [commonName] : namesOf(site, rule, host))),
    ...(row.names ?? []),
  ];
  const days =
    row.days === 'ca' ? site.caDays : row.days === 'leaf' ? (site.days[row.name] ?? site.leafDays) : row.days;
  return {
    name: host === undefined ? row.name : `${row.name}@${host.name}`,
    ca: row.ca,
    isAuthority: row.authority === true,
    commonName,
    organizations: row.o ?? [],
    usages: sorted(row.usages ?? []),
    dns: sorted(names.filter((name) => !isAddress(name)).map((name) => name.toLowerCase())),
    ip: sorted(names.filter(isAddress).map(addressHex)),
    days: days ?? 0,
  };
}

export function expectedCertificates(site: Site): ExpectedCertificate[] {
  const extra = site.extra.map<Row>(({ commonName, organizations, sans, sanRules, ...row }) => ({
    ...row,
    cn: commonName,
    o: organizations,
    sans: sanRules,
    names: sans,
  }));
  const rows = [...CATALOG, ...extra].filter((row) => row['key-pair'] !== true && isWanted(site, row.when));
  return rows.flatMap((row) => ownersOf(site, row.per).map((host) => certificateOf(site, row, host)));
}

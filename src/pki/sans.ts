import { isIP } from 'node:net';
import type { Host, Inventory } from '../model/inventory.ts';
import { canonicalAddress } from './address.ts';

/** What a rule may look at. `host` is there for rows that exist once per host. */
export interface SanContext {
  inventory: Inventory;
  commonName: string;
  host: Host | undefined;
  /** Names and addresses beside those of the rules. */
  names?: readonly string[] | undefined;
}

type Rule = (context: SanContext) => string[];

/** Rules of `sans` in certs/catalog.yml: each returns names and addresses mixed. */
export const SAN_RULES = {
  'own-name': ({ commonName }) => [commonName],
  'node-name': ({ host }) => (host === undefined ? [] : [host.name]),
  'node-address': ({ host }) => (host === undefined ? [] : [host.address]),
  loopback: () => ['localhost', '127.0.0.1', '::1'],
  'kubernetes-service-names': ({ inventory }) => [
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    `kubernetes.default.svc.${inventory.network.dnsDomain}`,
  ],
  'api-service-address': ({ inventory }) => [inventory.network.apiServiceAddress],
  endpoint: ({ inventory }) => [inventory.endpoint.host],
  'api-extra': ({ inventory }) => inventory.certificates.apiserverSans,
} satisfies Record<string, Rule>;

export type SanRule = keyof typeof SAN_RULES;

/** Rules that mean nothing without a host. */
export const HOST_RULES: readonly SanRule[] = ['node-name', 'node-address'];

/** Names and addresses of the rules, apart and without duplicates. DNS names are lower case: they compare so. */
export function subjectAltNames(rules: readonly SanRule[], context: SanContext): Record<'dns' | 'ip', string[]> {
  const entries = [...rules.flatMap((rule) => SAN_RULES[rule](context)), ...(context.names ?? [])];
  const dns = entries.filter((entry) => isIP(entry) === 0).map((name) => name.toLowerCase());
  const ip = entries.filter((entry) => isIP(entry) !== 0).map(canonicalAddress);
  return { dns: [...new Set(dns)], ip: [...new Set(ip)] };
}

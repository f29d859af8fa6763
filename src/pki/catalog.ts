import type { Host, Inventory } from '../model/inventory.ts';
import type { CertSpec, KeyPairSpec } from '../model/pki.ts';
import { type CatalogRow, CONDITIONS, SELECTORS } from './catalogRow.ts';
import { subjectAltNames } from './sans.ts';

export { parseCatalog } from './catalogFile.ts';
export type { CatalogRow } from './catalogRow.ts';

/**
 * Every certificate and key pair that the inventory needs: authorities first, each after the one that signs it; then
 * the others in the catalog's order, host by host.
 */
export function certificateSpecs(
  inventory: Inventory,
  rows: readonly CatalogRow[],
): { certificates: CertSpec[]; keyPairs: KeyPairSpec[] } {
  const all = [...rows, ...extraRows(inventory)];
  const wanted = all.filter((row) => row.when === undefined || CONDITIONS[row.when](inventory));
  const { algorithm } = inventory.certificates;
  return {
    certificates: inIssuingOrder(wanted.filter((row) => !row.isKeyPair)).flatMap((row) => specsOf(inventory, row)),
    keyPairs: wanted.filter((row) => row.isKeyPair).map(({ name }) => ({ name, algorithm })),
  };
}

/** What the inventory wants beside the catalog. */
const extraRows = ({ certificates }: Inventory): CatalogRow[] =>
  certificates.extra.map(({ rules, ...row }) => ({ ...row, sans: rules, isAuthority: false, isKeyPair: false }));

function inIssuingOrder(rows: readonly CatalogRow[]): CatalogRow[] {
  const depth = (row: CatalogRow): number => {
    const parent = rows.find((other) => other.name === row.ca);
    return parent === undefined ? 0 : 1 + depth(parent);
  };
  const authorities = rows.filter((row) => row.isAuthority).sort((a, b) => depth(a) - depth(b));
  return [...authorities, ...rows.filter((row) => !row.isAuthority)];
}

function specsOf(inventory: Inventory, row: CatalogRow): CertSpec[] {
  if (row.per === 'cluster') return [specOf(inventory, row, undefined)];
  return SELECTORS[row.per](inventory).map((host) => specOf(inventory, row, host));
}

function specOf(inventory: Inventory, row: CatalogRow, host: Host | undefined): CertSpec {
  const commonName = host === undefined ? row.commonName : row.commonName.replaceAll('{host}', host.name);
  const names = subjectAltNames(row.sans, { inventory, commonName, host, names: row.names });
  return {
    name: host === undefined ? row.name : `${row.name}@${host.name}`,
    ...(row.ca === undefined ? {} : { ca: row.ca }),
    isAuthority: row.isAuthority,
    commonName,
    organizations: row.organizations,
    dnsNames: names.dns,
    ipAddresses: names.ip,
    usages: row.usages,
    days: daysOf(inventory, row),
    algorithm: inventory.certificates.algorithm,
    ...(host === undefined ? {} : { host: host.name }),
  };
}

function daysOf({ certificates }: Inventory, { name, days }: CatalogRow): number {
  if (typeof days === 'number') return days;
  return days === 'ca' ? certificates.caDays : (certificates.days[name] ?? certificates.leafDays);
}

import type { CertificatePlace, CertificateRow } from '../model/certificateRow.ts';
import type { HostName } from '../model/inventory.ts';

/** One certificate as it was seen in its places; of one host, or of several that say the same. */
export interface CertificateUnit {
  name: string;
  /** None for what only the store has. */
  hosts: HostName[];
  /** As they came: worst first. */
  rows: CertificateRow[];
}

const PLACES: readonly CertificatePlace[] = ['store', 'disk', 'wire'];

const byNumber = new Intl.Collator('en', { numeric: true }).compare;

const grouped = (rows: readonly CertificateRow[], keyOf: (row: CertificateRow) => string): CertificateUnit[] => {
  const units = new Map<string, CertificateUnit>();
  for (const row of rows) {
    const key = keyOf(row);
    const unit = units.get(key) ?? { name: row.name, hosts: [], rows: [] };
    units.set(key, unit);
    unit.rows.push(row);
  }
  for (const unit of units.values()) {
    unit.hosts = [...new Set(unit.rows.flatMap(({ host }) => host ?? []))].sort(byNumber);
  }
  return [...units.values()];
};

const ownKey = ({ name, host }: CertificateRow): string => `${name}\0${host ?? ''}`;

/** One unit for each certificate of each host, in the order of the rows. */
export const eachUnit = (rows: readonly CertificateRow[]): CertificateUnit[] => grouped(rows, ownKey);

/** What tells the hosts of a certificate apart: what is wrong with theirs. Who could not be asked says nothing else. */
const kindOf = ({ rows }: CertificateUnit): string =>
  rows.some(({ isUnused }) => isUnused === true)
    ? 'unused'
    : [...new Set(rows.flatMap(({ disagreements }) => disagreements.map(({ code }) => code)))].sort().join(' ');

/** Hosts that say the same of a certificate are one unit. */
export function foldedUnits(rows: readonly CertificateRow[]): CertificateUnit[] {
  const kinds = new Map(eachUnit(rows).flatMap((unit) => unit.rows.map((row) => [ownKey(row), kindOf(unit)] as const)));
  return grouped(rows, (row) => `${row.name}\0${kinds.get(ownKey(row)) ?? ''}`);
}

/** Where it was found: `store disk -`. */
export const seenText = ({ rows }: CertificateUnit): string =>
  PLACES.map((place) => (rows.some((row) => row.place === place && row.found !== null) ? place : '-')).join(' ');

/** The row that ends first; undefined where none was found. */
export function firstToEnd(rows: readonly CertificateRow[]): CertificateRow | undefined {
  let first: CertificateRow | undefined;
  for (const row of rows) {
    if (row.found !== null && row.found.notAfter < (first?.found?.notAfter ?? Infinity)) first = row;
  }
  return first;
}

import { load } from 'js-yaml';
import type { KeyUsage } from '../model/pki.ts';
import { type CatalogRow, CONDITIONS, SELECTORS } from './catalogRow.ts';
import { HOST_RULES, SAN_RULES } from './sans.ts';

type Fault = (what: string) => void;

const namesOf = <T extends object>(table: T): (keyof T & string)[] => Object.keys(table) as (keyof T & string)[];

const FIELDS = ['name', 'per', 'ca', 'authority', 'key-pair', 'cn', 'o', 'usages', 'sans', 'days', 'when'];
const PER = namesOf(SELECTORS);
const RULES = namesOf(SAN_RULES);
const USAGES = ['server', 'client'] as const satisfies readonly KeyUsage[];
const DAYS = ['leaf', 'ca'] as const;
// The name becomes a file name and, before `@`, part of a certificate's name.
const NAME = /^[a-z][a-z0-9-]*$/;

/**
 * The rows of certs/catalog.yml. Throws one Error with every fault: unknown field, name, rule or authority, a cycle,
 * a certificate that nothing signs. The catalog is part of the program, so a fault in it is a bug, not a KbinError.
 */
export function parseCatalog(text: string): CatalogRow[] {
  const document = load(text);
  if (!Array.isArray(document)) throw new Error('certs/catalog.yml: must be a list of rows');
  const faults: string[] = [];
  const rows = document.map((value: unknown, index) => {
    const fields = new Map<string, unknown>(value !== null && typeof value === 'object' ? Object.entries(value) : []);
    const name = fields.get('name');
    const label = typeof name === 'string' ? `"${name}"` : String(index + 1);
    return parseRow(fields, (what) => faults.push(`row ${label}: ${what}`));
  });
  for (const row of rows) checkRow(row, rows, (what) => faults.push(`row "${row.name}": ${what}`));
  if (faults.length > 0) throw new Error(`certs/catalog.yml:\n  ${faults.join('\n  ')}`);
  return rows;
}

function parseRow(fields: Map<string, unknown>, fault: Fault): CatalogRow {
  for (const field of fields.keys())
    if (!FIELDS.includes(field)) fault(`unknown field "${field}"; there are ${FIELDS.join(', ')}`);
  const { text, flag, list, one, several } = fieldReader(fields, fault);
  const isKeyPair = flag('key-pair');
  if (!fields.has('per')) fault(`per is missing; there are ${PER.join(', ')}`);
  if (!isKeyPair && !fields.has('days')) fault(`days is missing; there are ${DAYS.join(', ')}`);
  const ca = text('ca');
  const when = one('when', namesOf(CONDITIONS));
  return {
    name: text('name') ?? '',
    per: one('per', PER) ?? 'cluster',
    ...(ca === undefined ? {} : { ca }),
    isAuthority: flag('authority'),
    isKeyPair,
    commonName: text('cn') ?? '',
    organizations: list('o'),
    usages: several('usages', USAGES),
    sans: several('sans', RULES),
    days: one('days', DAYS) ?? 'leaf',
    ...(when === undefined ? {} : { when }),
  };
}

/** Typed access to a row's fields; what has the wrong type or an unknown value is a fault and counts as absent. */
function fieldReader(fields: Map<string, unknown>, fault: Fault) {
  const text = (field: string): string | undefined => {
    const found = fields.get(field);
    if (found === undefined || typeof found === 'string') return found;
    fault(`${field} must be text`);
    return undefined;
  };
  const flag = (field: string): boolean => {
    const found = fields.get(field) ?? false;
    if (typeof found !== 'boolean') fault(`${field} must be true or false`);
    return found === true;
  };
  const list = (field: string): string[] => {
    const found = fields.get(field) ?? [];
    if (Array.isArray(found) && found.every((entry) => typeof entry === 'string')) return found;
    fault(`${field} must be a list of text`);
    return [];
  };
  const among = <T extends string>(field: string, entry: string, valid: readonly T[]): T[] => {
    const known = valid.filter((name) => name === entry);
    if (known.length === 0) fault(`unknown ${field} "${entry}"; there are ${valid.join(', ')}`);
    return known;
  };
  const one = <T extends string>(field: string, valid: readonly T[]): T | undefined => {
    const found = text(field);
    return found === undefined ? undefined : among(field, found, valid)[0];
  };
  const several = <T extends string>(field: string, valid: readonly T[]): T[] =>
    list(field).flatMap((entry) => among(field, entry, valid));
  return { text, flag, list, one, several };
}

function checkRow(row: CatalogRow, rows: readonly CatalogRow[], fault: Fault): void {
  if (!NAME.test(row.name)) fault('the name must be lower-case letters, digits and dashes');
  if (rows.filter((other) => other.name === row.name).length > 1) fault('is there twice');
  if (row.isKeyPair) {
    if (row.per !== 'cluster' || row.isAuthority || row.ca !== undefined || row.commonName !== '')
      fault('a key pair is per cluster and has neither ca, authority nor cn');
    return;
  }
  if (row.commonName === '') fault('cn is missing');
  if (!row.isAuthority && row.usages.length === 0) fault(`usages is missing; there are ${USAGES.join(', ')}`);
  if (row.usages.includes('server') && row.sans.length === 0)
    fault(`a server certificate needs sans; there are ${RULES.join(', ')}`);
  checkHost(row, fault);
  checkSigner(row, rows, fault);
}

function checkHost(row: CatalogRow, fault: Fault): void {
  if (row.per !== 'cluster') {
    if (row.isAuthority) fault('an authority is per cluster');
    return;
  }
  if (row.commonName.includes('{host}')) fault('cn names {host}, but there is one for the whole cluster');
  for (const rule of row.sans)
    if (HOST_RULES.includes(rule)) fault(`sans rule "${rule}" needs a host, but there is one for the whole cluster`);
}

function checkSigner(row: CatalogRow, rows: readonly CatalogRow[], fault: Fault): void {
  if (row.ca === undefined) {
    if (!row.isAuthority) fault('ca is missing');
    return;
  }
  const authorities = new Map(rows.filter((other) => other.isAuthority).map((other) => [other.name, other]));
  const signer = authorities.get(row.ca);
  if (signer === undefined) {
    fault(`unknown ca "${row.ca}"; there are ${[...authorities.keys()].join(', ')}`);
    return;
  }
  if (signer.when !== undefined && signer.when !== row.when)
    fault(`ca "${signer.name}" exists only when ${signer.when}, so this row needs the same condition`);
  const chain = [row.name];
  for (let name: string | undefined = row.ca; name !== undefined; name = authorities.get(name)?.ca) {
    const isCycle = chain.includes(name);
    chain.push(name);
    if (!isCycle) continue;
    fault(`the authorities form a cycle: ${chain.join(' -> ')}`);
    return;
  }
}

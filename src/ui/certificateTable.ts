import type { CertificateRow } from '../model/certificateRow.ts';
import { plainLine } from '../model/plainText.ts';
import { endingLine, faultCount, isExpired, summaryLine, unseenHosts, unseenLines } from './certificateSummary.ts';
import { eachUnit, firstToEnd, foldedUnits, seenText, type CertificateUnit } from './certificateUnits.ts';
import { tableLines } from './table.ts';
import { counted, grouped, someOf } from './words.ts';

/** Faults told of hosts in one line; further ones are counted. */
const TOLD = 3;

const day = (moment: number): string => new Date(moment).toISOString().slice(0, 10);

function stateText({ rows }: CertificateUnit): string {
  const [faults, unseen] = [faultCount(rows), unseenHosts(rows)];
  const told = [
    ...(rows.some(isExpired) ? ['EXPIRED'] : []),
    ...(faults > 0 ? [counted(faults, 'disagreement')] : []),
    ...(unseen.length > 0 ? [`unknown on ${someOf(unseen)}`] : []),
    ...(rows.some(({ isUnused }) => isUnused === true) ? ['not needed any more'] : []),
  ];
  if (told.length > 0) return told.join(', ');
  return new Set(rows.map(({ place }) => place)).size > 1 ? 'all agree' : 'fine';
}

/** `cp-1, cp-2 store, /etc/…/tls.crt; cp-1 kubelet at 127.0.0.1:10250` */
function whereText(rows: readonly CertificateRow[]): string {
  const hostsOf = grouped(rows.map(({ host, at, place }) => [host ?? '', at ?? place] as const));
  const placesOf = grouped([...hostsOf].map(([at, hosts]) => [at, someOf(hosts)] as const));
  return [...placesOf].map(([hosts, places]) => `${hosts} ${someOf(places)}`.trim()).join('; ');
}

/** What is wrong; the same in several places together. */
function faultLines({ rows }: CertificateUnit, most: number): string[] {
  const told = new Map<string, CertificateRow[]>();
  for (const row of rows) {
    for (const { text } of row.disagreements) {
      const own = told.get(plainLine(text)) ?? [];
      told.set(plainLine(text), own);
      own.push(row);
    }
  }
  const all = [...told].map(([text, own]) => `  ! ${whereText(own)}: ${text}`);
  const rest = all.length - most;
  // One line more costs no more room than the line that would replace it.
  return rest > 1 ? [...all.slice(0, most), `  ! and ${rest} more: --all`] : all;
}

function endCells({ rows }: CertificateUnit): string[] {
  const found = firstToEnd(rows)?.found;
  return found ? [day(found.notAfter), String(found.daysLeft)] : ['-', '-'];
}

const foldedCells = (unit: CertificateUnit): string[] => [
  unit.hosts.length > 1 ? `${unit.name} ×${unit.hosts.length}` : unit.name,
  someOf(unit.hosts) || '-',
  seenText(unit),
  ...endCells(unit),
  stateText(unit),
];

const fieldCells = ({
  subject,
  organizations,
  issuer,
  serial,
  sans,
}: NonNullable<CertificateRow['found']>): string[] => [
  [subject, ...organizations.map((name) => `O=${name}`)].join(', '),
  issuer === '' ? '-' : issuer,
  serial,
  sans.length === 0 ? '-' : sans.join(', '),
];

function eachCells(unit: CertificateUnit): string[] {
  const inStore = unit.rows.find(({ place, found }) => place === 'store' && found !== null);
  const found = (inStore ?? firstToEnd(unit.rows))?.found ?? null;
  const fields = found === null ? ['-', '-', '-', '-'] : fieldCells(found);
  return [unit.name, unit.hosts[0] ?? '-', seenText(unit), ...endCells(unit), stateText(unit), ...fields];
}

const rank = ({ rows }: CertificateUnit): number => {
  if (rows.some(({ isUnused }) => isUnused === true)) return 2;
  return rows.some(({ disagreements }) => disagreements.length > 0) ? 0 : 1;
};

/** What is wrong first, then what ends first. */
const byUrgency = (one: CertificateUnit, other: CertificateUnit): number =>
  rank(one) - rank(other) ||
  (firstToEnd(one.rows)?.found?.notAfter ?? 0) - (firstToEnd(other.rows)?.found?.notAfter ?? 0) ||
  (one.name < other.name ? -1 : 1);

const FOLDED = ['CERTIFICATE', 'HOSTS', 'SEEN', 'ENDS', 'DAYS', 'STATE'];
const EACH = ['CERTIFICATE', 'HOST', 'SEEN', 'ENDS', 'DAYS', 'STATE', 'SUBJECT', 'ISSUER', 'SERIAL', 'NAMES'];

/** The table, with what is wrong under each line. */
function bodyLines(rows: readonly CertificateRow[], isEach: boolean): string[] {
  const units = (isEach ? eachUnit(rows) : foldedUnits(rows)).sort(byUrgency);
  const cells = units.map(isEach ? eachCells : foldedCells);
  const [header = '', ...lines] = tableLines(isEach ? EACH : FOLDED, cells);
  const most = isEach ? Infinity : TOLD;
  return [header, ...units.flatMap((unit, index) => [lines[index] ?? '', ...faultLines(unit, most)])];
}

export interface CertificateView {
  /** How many hosts were asked. */
  hosts: number;
  /** A line for each certificate of each host, with its fields. */
  isEach: boolean;
  /** What ends within the time that was asked for. */
  ending?: { within: string; rows: readonly CertificateRow[] };
}

/** Certificates for people, worst first; what is wrong under each, hosts that say the same in one line. */
export function certificateLines(
  rows: readonly CertificateRow[],
  { hosts, isEach, ending }: CertificateView,
): string[] {
  const used = rows.filter(({ isUnused }) => isUnused !== true);
  const unused = rows.length - used.length;
  return [
    ...bodyLines(isEach ? rows : used, isEach),
    '',
    ...unseenLines(used),
    ...(unused === 0 || isEach ? [] : [`${counted(unused, 'certificate')} in the store, not needed any more: --all`]),
    ...(ending === undefined ? [] : [endingLine(ending.within, ending.rows)]),
    summaryLine(used, hosts),
  ];
}

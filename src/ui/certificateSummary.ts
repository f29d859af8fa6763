import type { CertificateRow } from '../model/certificateRow.ts';
import { plainLine } from '../model/plainText.ts';
import { eachUnit, firstToEnd } from './certificateUnits.ts';
import { counted, grouped, someOf } from './words.ts';

/** Reasons why hosts could not be asked; further ones are counted. */
const REASONS = 10;

export const isExpired = ({ disagreements }: CertificateRow): boolean =>
  disagreements.some(({ code }) => code === 'expired');

/** How much is wrong beside what has expired. */
export const faultCount = (rows: readonly CertificateRow[]): number =>
  rows.reduce((sum, { disagreements }) => sum + disagreements.filter(({ code }) => code !== 'expired').length, 0);

/** Hosts of which something could not be seen. */
export const unseenHosts = (rows: readonly CertificateRow[]): string[] => [
  ...new Set(rows.flatMap(({ unseen, host }) => (unseen === undefined ? [] : [host ?? '']))),
];

/** Why hosts or listeners could not be asked; those with the same reason together. */
export function unseenLines(rows: readonly CertificateRow[]): string[] {
  const told = rows.flatMap(({ host, unseen }) =>
    unseen === undefined ? [] : [[host ?? '', plainLine(unseen.message)] as const],
  );
  const reasons = [...grouped(told)].map(([message, hosts]) => {
    const names = [...new Set(hosts)];
    const isNamed = names.length === 1 && message.includes(names[0] ?? '');
    return `unknown: ${isNamed ? '' : `${someOf(names)}: `}${message}`;
  });
  const rest = reasons.length - REASONS;
  return rest > 1 ? [...reasons.slice(0, REASONS), `unknown: and ${rest} more reasons: --json`] : reasons;
}

const ofHost = ({ name, host }: Pick<CertificateRow, 'name' | 'host'>): string =>
  host === null ? name : `${name} of ${host}`;

/** What ends within the time that was asked for, such as `30d`. */
export function endingLine(within: string, rows: readonly CertificateRow[]): string {
  const names = eachUnit(rows).map(({ name, hosts: [host = null] }) => ofHost({ name, host }));
  if (names.length === 0) return `within ${within}: none ends`;
  const verb = names.length === 1 ? 'ends' : 'end';
  return `within ${within}: ${counted(names.length, 'certificate')} ${verb}: ${someOf(names)}`;
}

/** Copies of one certificate count once. */
const distinct = (rows: readonly CertificateRow[]): number =>
  new Set(rows.flatMap(({ found }) => (found === null ? [] : [`${found.issuer}\0${found.subject}\0${found.serial}`])))
    .size;

const inDays = (days: number): string => (days === 0 ? 'within a day' : `in ${counted(days, 'day')}`);

/** Kubeconfigs that were handed out are meant to end soon, and what has ended is told already. */
function nextToEnd(rows: readonly CertificateRow[]): string {
  const first = firstToEnd(
    rows.filter(({ name, found }) => !name.startsWith('kubeconfig/') && (found?.daysLeft ?? -1) >= 0),
  );
  return first?.found ? `; next to end: ${ofHost(first)}, ${inDays(first.found.daysLeft)}` : '';
}

/** The whole list in one line. */
export function summaryLine(rows: readonly CertificateRow[], hosts: number): string {
  const faults = faultCount(rows);
  const expired = eachUnit(rows.filter(isExpired)).length;
  const unseen = unseenHosts(rows).length;
  const parts = [
    ...(faults === 0 ? [] : [counted(faults, 'disagreement')]),
    ...(expired === 0 ? [] : [`${expired} expired`]),
    ...(unseen === 0 ? [] : [`${counted(unseen, 'host')} not seen in full`]),
  ];
  const state = parts.length === 0 ? 'all agree' : parts.join(', ');
  return `${counted(distinct(rows), 'certificate')} on ${counted(hosts, 'host')}: ${state}${nextToEnd(rows)}`;
}

import type { CertificateRow, Disagreement } from '../../model/certificateRow.ts';
import type { HostName } from '../../model/inventory.ts';
import type { Resource } from '../../model/resource.ts';
import { diskRows } from './disk.ts';
import { day, groundOf, partsOf, type Ground, type GroundInput } from './ground.ts';
import type { HostSight } from './sight.ts';
import { issuedRows, storeRows } from './store.ts';
import { wireRow } from './wire.ts';

export interface ReportInput extends GroundInput {
  /** Of the hosts that were asked. */
  sights: readonly HostSight[];
  /** What every host of the inventory should have. */
  resources: Readonly<Record<HostName, readonly Resource[]>>;
}

const needsOf = (resource: Resource): string[] => {
  if (resource.kind === 'pair') return [resource.certificate];
  if (resource.kind !== 'file' || 'text' in resource.body) return [];
  const refs = 'concat' in resource.body ? resource.body.concat : [resource.body.secret];
  return refs.map(({ certificate }) => certificate);
};

interface Signed {
  name: string;
  host: HostName | null;
  notAfter: number;
}

/** What each authority has signed of all that was seen, by key id. */
function signedBy({ stored, sights }: ReportInput): Map<string, Signed[]> {
  const signed = new Map<string, Signed[]>();
  const add = (issuerKeyId: string, one: Signed): void => {
    const others = signed.get(issuerKeyId);
    if (others === undefined) signed.set(issuerKeyId, [one]);
    else others.push(one);
  };
  for (const { name, issuerKeyId, notAfter } of Object.values(stored)) {
    const { row, host } = partsOf(name);
    add(issuerKeyId, { name: row, host, notAfter });
  }
  for (const { host, disk, wire } of sights) {
    for (const { path, certificate } of 'certificates' in disk ? disk.certificates : []) {
      add(certificate.issuerKeyId, { name: path, host, notAfter: certificate.notAfter });
    }
    for (const { row, seen } of wire) {
      if ('certificate' in seen)
        add(seen.certificate.issuerKeyId, { name: row, host, notAfter: seen.certificate.notAfter });
    }
  }
  return signed;
}

/** An authority that ends before something it has signed takes that with it (REFERENCE 1.1: kubeadm allows it). */
function withEnds(rows: readonly CertificateRow[], ground: Ground & ReportInput): CertificateRow[] {
  const signed = signedBy(ground);
  const ends = new Map<string, Disagreement>();
  const above = [...ground.above.values()].flat().map((seen) => ({ ...seen, name: seen.commonName }));
  for (const { name, keyId, notAfter } of [...ground.authorities, ...above]) {
    const longer = (signed.get(keyId) ?? []).filter((one) => one.notAfter > notAfter);
    const [first] = longer.toSorted((a, b) => b.notAfter - a.notAfter);
    if (first === undefined) continue;
    const which = `${first.name}${first.host === null ? '' : ` of ${first.host}`} would be valid until ${day(first.notAfter)}`;
    ends.set(name, { code: 'ends-first', text: `ends on ${day(notAfter)}, before what it has signed: ${which}` });
  }
  return rows.map((row) => {
    const end = row.place === 'store' && row.isUnused !== true ? ends.get(row.name) : undefined;
    return end === undefined ? row : { ...row, disagreements: [...row.disagreements, end] };
  });
}

const rank = ({ disagreements, unseen, isUnused }: CertificateRow): number => {
  if (isUnused === true) return 3;
  if (disagreements.length > 0) return 0;
  return unseen === undefined ? 2 : 1;
};

const text = ({ name, host, place, at }: CertificateRow): string => [name, host ?? '', place, at ?? ''].join('\0');

/** What is wrong first, then what could not be seen, then what ends first. */
function byUrgency(one: CertificateRow, other: CertificateRow): number {
  return (
    rank(one) - rank(other) ||
    (one.found?.notAfter ?? 0) - (other.found?.notAfter ?? 0) ||
    (text(one) < text(other) ? -1 : 1)
  );
}

/** Every certificate of the store, the disks and the wire, and wherever they disagree: worst first. */
export function certificateReport(input: ReportInput): CertificateRow[] {
  const { sights, resources } = input;
  const needed = new Set(Object.values(resources).flatMap((own) => own.flatMap(needsOf)));
  const known = new Set(Object.keys(resources));
  const hosts = new Set(sights.map(({ host }) => host));
  const ground = { ...input, ...groundOf(input) };
  const rows = [
    ...storeRows(ground, { hosts, known, needed }),
    ...issuedRows(ground),
    ...sights.flatMap((sight) => diskRows(ground, sight, resources[sight.host] ?? [])),
    ...sights.flatMap(({ host, wire }) => wire.map((sight) => wireRow(ground, host, sight))),
  ];
  return withEnds(rows, ground).sort(byUrgency);
}

/**
 * Certificates that end within so many milliseconds, or have ended. A kubeconfig that was handed out counts where that
 * is news: not when it was never to live longer, nor when its holder has a later one.
 */
export function endingWithin(rows: readonly CertificateRow[], milliseconds: number, now: number): CertificateRow[] {
  const isHandedOut = ({ name }: CertificateRow): boolean => name.startsWith('kubeconfig/');
  const isReplaced = ({ name, found }: CertificateRow): boolean =>
    rows.some((other) => other.name === name && (other.found?.notAfter ?? 0) > (found?.notAfter ?? 0));
  return rows.filter((row) => {
    const { found, isUnused } = row;
    if (found === null || isUnused === true || found.notAfter > now + milliseconds) return false;
    if (!isHandedOut(row)) return true;
    return row.place === 'store' && found.notAfter - found.notBefore > milliseconds && !isReplaced(row);
  });
}

import type { CertificateRow, Disagreement } from '../../model/certificateRow.ts';
import type { HostName } from '../../model/inventory.ts';
import { trustedOf, type CertificateFields, type CertificateName, type SecretRef } from '../../model/pki.ts';
import type { File, Renewed, Resource } from '../../model/resource.ts';
import { comparedWith, foundRow, isSame, issuerOf, partsOf, specOf, type Ground } from './ground.ts';
import { fileDisagreements, keyDisagreements } from './files.ts';
import { otherRows } from './others.ts';
import { isUnseen, type Disk, type DiskSight, type HostSight, type Unseen } from './sight.ts';

/** What one host should have, beside what it has. */
interface HostGround extends Ground {
  host: HostName;
  disk: Disk | Unseen;
}

type Place = Pick<CertificateRow, 'name' | 'host' | 'place' | 'at'>;

const placeOf = ({ host }: HostGround, certificate: string, path: string): Place => ({
  name: partsOf(certificate).row,
  host,
  place: 'disk',
  at: path,
});

const rowWithout = (place: Place, code: 'missing' | 'unreadable', text: string): CertificateRow => ({
  ...place,
  found: null,
  disagreements: [{ code, text }],
});

type Looked =
  /** Certificates of a file, at least one. */
  | { disk: Disk; first: DiskSight; sights: readonly DiskSight[] }
  /** The row instead, for the certificate that should be in it. */
  | { absent: (place: Place) => CertificateRow };

function lookedAt({ disk }: HostGround, path: string): Looked {
  if (isUnseen(disk)) return { absent: (place) => ({ ...place, found: null, unseen: disk, disagreements: [] }) };
  if (disk.files[path] === undefined) return { absent: (place) => rowWithout(place, 'missing', 'is not on the disk') };
  // An authority inside a kubeconfig is somebody's server's, not what the file is for.
  const sights = disk.certificates.filter((sight) => sight.path === path && sight.field !== 'certificate-authority');
  const [first] = sights;
  if (first !== undefined) return { disk, first, sights };
  return { absent: (place) => rowWithout(place, 'unreadable', 'holds no certificate that can be read') };
}

/** A certificate with its key, in one file or two; further ones in the file are its chain. */
function leafRow(
  ground: HostGround,
  certificate: CertificateName,
  { path, owner }: { path: string; owner: string },
): CertificateRow {
  const place = placeOf(ground, certificate, path);
  const looked = lookedAt(ground, path);
  if ('absent' in looked) return looked.absent(place);
  const seen = looked.first.certificate;
  const stored = ground.stored[certificate];
  const ca = specOf(ground, certificate)?.ca;
  const compared = comparedWith(stored, seen);
  const isKnown = compared.every(({ code }) => code !== 'unknown');
  const chainKeyIds = looked.sights.slice(1).map((sight) => sight.certificate.issuerKeyId);
  const disagreements: Disagreement[] = [
    ...compared,
    ...(isKnown && ca !== undefined ? issuerOf(ground, { ...seen, chainKeyIds }, [ca]) : []),
    ...fileDisagreements(looked.disk, path, owner),
    ...keyDisagreements(looked.disk, path, { owner, stored: compared.length === 0 ? stored : undefined }),
  ];
  return foundRow(place, seen, { now: ground.now, disagreements });
}

/** Pieces of the store in a file; none in one that the inventory writes itself. */
const refsOf = ({ body }: File): readonly SecretRef[] =>
  'concat' in body ? body.concat : 'secret' in body ? [body.secret] : [];

/** A certificate that a file should hold. */
interface Wanted {
  name: string;
  fields: CertificateFields;
}

function wantedOf({ certificate, part }: SecretRef, { stored, above }: Ground): Wanted[] {
  const pieces = ['trusted', 'roots'].includes(part)
    ? trustedOf(certificate, stored)
    : [stored[certificate] ?? []].flat();
  const upper = part === 'roots' ? pieces.flatMap(({ name }) => above.get(name) ?? []) : [];
  return [
    ...pieces.filter(({ serial }) => serial !== '').map((fields) => ({ name: fields.name, fields })),
    ...upper.map((fields) => ({ name: fields.commonName, fields })),
  ];
}

/** In no order, each once; none of bare keys. */
function wantedIn(refs: readonly SecretRef[], ground: Ground): Wanted[] {
  const all = refs.flatMap((ref) => wantedOf(ref, ground));
  return all.filter(({ fields }, index) => all.findIndex((one) => isSame(one.fields, fields)) === index);
}

function extraRow(ground: HostGround, file: File, { certificate }: DiskSight): CertificateRow {
  const names = refsOf(file).map((ref) => ref.certificate);
  const { commonName, serial } = certificate;
  const text = `holds ${commonName}, serial ${serial}, which is no trusted generation of ${names.join(' or ')}`;
  const place = { ...placeOf(ground, file.path, file.path), name: file.path };
  return foundRow(place, certificate, { now: ground.now, disagreements: [{ code: 'unknown-authority', text }] });
}

function bundleRows(ground: HostGround, file: File, wanted: readonly Wanted[]): CertificateRow[] {
  const looked = lookedAt(ground, file.path);
  if ('absent' in looked) return wanted.map(({ name }) => looked.absent(placeOf(ground, name, file.path)));
  const ofFile = fileDisagreements(looked.disk, file.path, file.owner);
  const rows = wanted.map(({ name, fields }, index): CertificateRow => {
    const place = placeOf(ground, name, file.path);
    const sight = looked.sights.find(({ certificate }) => isSame(certificate, fields));
    if (sight === undefined) return rowWithout(place, 'missing', 'is not in the file');
    // What is wrong with the file is said once.
    return foundRow(place, sight.certificate, { now: ground.now, disagreements: index === 0 ? ofFile : [] });
  });
  const extra = looked.sights.filter(({ certificate }) => !wanted.some(({ fields }) => isSame(certificate, fields)));
  return [...rows, ...extra.map((sight) => extraRow(ground, file, sight))];
}

/** A bundle of authorities, or a kubeconfig that kbin keeps as it is. */
function fileRows(ground: HostGround, file: File): CertificateRow[] {
  const wanted = wantedIn(refsOf(file), ground);
  const leaf = wanted.find(({ fields }) => !fields.isAuthority);
  return leaf === undefined ? bundleRows(ground, file, wanted) : [leafRow(ground, leaf.name, file)];
}

/** One that a program keeps by itself: not there before its first start. */
function renewedRows(ground: HostGround, { path, signers }: Renewed): CertificateRow[] {
  const name = path.slice(path.lastIndexOf('/') + 1).replace(/\.[a-z]+$/, '');
  const place = placeOf(ground, name, path);
  const looked = lookedAt(ground, path);
  if ('absent' in looked) return isUnseen(ground.disk) ? [looked.absent(place)] : [];
  const { certificate } = looked.first;
  const disagreements = [
    ...issuerOf(ground, certificate, signers),
    ...keyDisagreements(looked.disk, path, { owner: 'root:root' }),
  ];
  return [foundRow(place, certificate, { now: ground.now, disagreements })];
}

/** Rows of one resource, and the file that they are about. */
function resourceRows(ground: HostGround, resource: Resource): { path: string; rows: CertificateRow[] } | null {
  switch (resource.kind) {
    case 'pair': {
      const { certificate, owner } = resource;
      const path = `${resource.path}/tls.crt`;
      return { path, rows: [leafRow(ground, certificate, { path, owner })] };
    }
    case 'file': {
      const isOfStore = wantedIn(refsOf(resource), ground).length > 0;
      return isOfStore ? { path: resource.path, rows: fileRows(ground, resource) } : null;
    }
    case 'renewed':
      return { path: resource.path, rows: renewedRows(ground, resource) };
    default:
      return null;
  }
}

/** Everything on a host's disk: what should be there, and what else is. */
export function diskRows(ground: Ground, { host, disk }: HostSight, resources: readonly Resource[]): CertificateRow[] {
  const own: HostGround = { ...ground, host, disk };
  const told = resources.flatMap((resource) => resourceRows(own, resource) ?? []);
  const rows = told.flatMap((one) => one.rows);
  if (isUnseen(disk)) return rows;
  return [...rows, ...otherRows(ground, { host, disk, expected: new Set(told.map(({ path }) => path)) })];
}

import type { CertificateRow, Disagreement } from '../../model/certificateRow.ts';
import type { HostName } from '../../model/inventory.ts';
import type { SeenCertificate } from '../../model/pki.ts';
import { foundRow, isSame, partsOf, type Ground } from './ground.ts';
import { keyDisagreements } from './files.ts';
import type { Disk, DiskSight } from './sight.ts';

export interface OtherFiles {
  host: HostName;
  disk: Disk;
  /** Files of which everything is said already. */
  expected: ReadonlySet<string>;
}

/** Which of those that kbin knows it is, wherever it lies; undefined for somebody else's. */
function knownName({ stored, issued }: Ground, seen: SeenCertificate): string | undefined {
  const own = Object.values(stored).find((one) => isSame(one, seen));
  if (own !== undefined) return partsOf(own.name).row;
  const handedOut = issued.find(({ serial, name }) => serial === seen.serial && name === seen.commonName);
  return handedOut === undefined ? undefined : `kubeconfig/${handedOut.name}`;
}

/**
 * What nobody but an authority of this cluster, or one that was called like it, has signed or is: another generation, or
 * that of a cluster before this one. Files of others may lie beside kbin's, and are their business.
 */
function strangerDisagreements(ground: Ground, { certificate }: DiskSight): Disagreement[] {
  const { authorities } = ground;
  const { isAuthority, commonName, issuer, keyId, issuerKeyId } = certificate;
  const namesake = authorities.find((own) => own.commonName === (isAuthority ? commonName : issuer));
  if (namesake === undefined || authorities.some((own) => own.keyId === (isAuthority ? keyId : issuerKeyId))) return [];
  const { row } = partsOf(namesake.name);
  if (isAuthority) {
    return [{ code: 'unknown-authority', text: `is called ${commonName}, but is no trusted generation of ${row}` }];
  }
  return [{ code: 'unknown-issuer', text: `is signed by ${issuer}, but by no trusted generation of ${row}` }];
}

function otherRow(ground: Ground, { host, disk }: OtherFiles, sight: DiskSight): CertificateRow {
  const { path, field, certificate } = sight;
  const at = field === undefined ? path : `${path} (${field}-data)`;
  const name = knownName(ground, certificate) ?? (field === 'certificate-authority' ? `${path} (${field})` : path);
  const isClient = field !== 'certificate-authority' && !certificate.isAuthority;
  const disagreements = [
    ...strangerDisagreements(ground, sight),
    ...(isClient ? keyDisagreements(disk, path, {}) : []),
  ];
  return foundRow({ name, host, place: 'disk', at }, certificate, { now: ground.now, disagreements });
}

/** Certificates beyond what the inventory puts on a host, and those that its kubeconfigs name in vain. */
export function otherRows(ground: Ground, files: OtherFiles): CertificateRow[] {
  const { host, disk, expected } = files;
  const found = disk.certificates.filter(({ path }) => !expected.has(path));
  const lost = disk.named.filter(({ path }) => !expected.has(path) && disk.files[path] === undefined);
  return [
    ...found.map((sight) => otherRow(ground, files, sight)),
    ...lost.map(({ path, by }): CertificateRow => ({
      ...{ name: path, host, place: 'disk', at: path, found: null },
      disagreements: [{ code: 'missing', text: `is not on the disk, but ${by} names it` }],
    })),
  ];
}

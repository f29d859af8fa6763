/** Names of snapshots tell cluster, time and revision; those of their files add what is in them. */

/** Small letters, digits and dashes, so that the capital T and Z cannot be part of a cluster's name. */
const FORM = /^([a-z0-9-]+)-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-(\d+)$/;
/** The database, compressed and encrypted or not; the certificate store; the manifest. */
const FILE = /^([^.]+)(\.json|\.pki\.age|\.db(?:\.gz|\.zst)?(?:\.age)?)$/;

export const manifestOf = (name: string): string => `${name}.json`;

/** `CLUSTER-20261120T130000Z-REVISION`. `takenAt`: milliseconds since the epoch; the name tells seconds. */
export function snapshotName(cluster: string, takenAt: number, revision: number): string {
  const time = new Date(takenAt)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replace(/[-:]/g, '');
  return `${cluster}-${time}-${revision}`;
}

export interface SnapshotFile {
  /** Of the snapshot that it belongs to. */
  name: string;
  cluster: string;
  /** Milliseconds since the epoch. */
  takenAt: number;
  isManifest: boolean;
}

/** What a file's name tells; undefined for a file that is none of a snapshot. */
export function snapshotFile(file: string): SnapshotFile | undefined {
  const [, name = '', suffix] = FILE.exec(file) ?? [];
  const [, cluster = '', ...parts] = FORM.exec(name) ?? [];
  const [year, month, day, hour, minute, second, revision] = parts;
  const takenAt = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  // A thirtieth of February is told by its way back.
  if (Number.isNaN(takenAt) || snapshotName(cluster, takenAt, Number(revision)) !== name) return undefined;
  return { name, cluster, takenAt, isManifest: suffix === '.json' };
}

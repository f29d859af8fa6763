import type { SshSettings } from './inventory.ts';

/** How many snapshots stay; the newest of each hour, day, ISO week, month (UTC) counts. All rules together: what one keeps stays. */
export interface Keep {
  last: number;
  hourly: number;
  daily: number;
  weekly: number;
  monthly: number;
  /** What is older goes, whatever the counts say; never the newest verified one. */
  maximumAgeDays?: number;
  /** The oldest go until the rest is this large; never the newest verified one. */
  maximumBytes?: number;
}

export type Compression = 'none' | 'gzip' | 'zstd';

interface Named {
  /** Unique in the inventory. */
  name: string;
  /** Instead of that of all targets. */
  keep?: Keep;
}

/** A folder of the operator's machine. */
export interface FolderTarget extends Named {
  kind: 'folder';
  path: string;
}

export interface SftpTarget extends Named {
  kind: 'sftp';
  host: string;
  port: number;
  user: string;
  /** Absolute, or from where the server puts the user. */
  path: string;
  /** Otherwise the usual files of ssh. The agent's keys are tried after it. */
  identityFile?: string;
  hostKeys: SshSettings['hostKeys'];
  knownHosts: string[];
}

/** Credentials come from where the AWS SDK looks for them: environment, profile, instance. */
export interface S3Target extends Named {
  kind: 's3';
  bucket: string;
  /** Ends with a slash, or is empty. */
  prefix: string;
  region: string;
  /** Of a server that is not AWS. */
  endpoint?: string;
  /** PEM file of the CA that signed for the endpoint. */
  caFile?: string;
  /** The bucket in the path instead of the host's name. */
  pathStyle: boolean;
}

export type TargetSpec = FolderTarget | SftpTarget | S3Target;

/** The section `etcd.snapshots` of an inventory. */
export interface SnapshotSettings {
  targets: TargetSpec[];
  /** Of targets without their own. */
  keep: Keep;
  /** `auto`: zstd where the machine that takes the snapshot has it, else gzip. */
  compression: 'auto' | Compression;
  /** age recipients. With any, everything is encrypted for them, and the certificate store is kept beside each snapshot. */
  recipients: string[];
}

/**
 * What is known of a snapshot beside its bytes: `NAME.json`, written last, so that a snapshot without it is none.
 * Whatever could not be computed is absent, never invented.
 */
export interface SnapshotManifest {
  version: 1;
  /** Base of its files' names: `CLUSTER-20261120T130000Z-REVISION`. Names of hosts are not in it: they change. */
  name: string;
  /** Name of the cluster, and the identity that kbin gave it. */
  cluster: string;
  clusterId: string;
  /** Of etcd, 16 hex digits. */
  etcdClusterId: string;
  /** Host that it was taken from. */
  member: string;
  /** ISO 8601, UTC: when the stream began. */
  takenAt: string;
  revision: number;
  /** Keys of all revisions in it (etcdutl: totalKey), and etcdutl's hash of its contents, 8 hex digits. */
  keys?: number;
  hash?: string;
  versions: { etcd: string; kubernetes: string; kbin: string };
  /** The database as etcd sent it, with its trailer. */
  database: { bytes: number; sha256: string };
  /** The file as it lies at the target: NAME.db, .db.gz, .db.zst, each with .age when it is encrypted. */
  stored: { file: string; bytes: number; sha256: string; compression: Compression; encrypted: boolean };
  /** The encrypted certificate store beside it (NAME.pki.age): CAs, ServiceAccount key, encryption configuration. */
  pki?: { file: string; bytes: number; sha256: string };
}

import { Readable } from 'node:stream';
import { KbinError } from '../../../src/errors.ts';
import { snapshotName } from '../../../src/etcd/names.ts';
import type { SnapshotTarget, StoredFile } from '../../../src/etcd/target.ts';
import type { SnapshotManifest } from '../../../src/model/snapshot.ts';

export const CLUSTER = { cluster: 'prod', clusterId: 'aaaaaaaaaaaaaaaa' };

/** A target in memory, which fails where it is told to. */
export class MemoryTarget implements SnapshotTarget {
  readonly label: string;
  readonly files = new Map<string, Buffer>();
  /** What was done, in order. */
  readonly done: string[] = [];
  /** Throws for an operation, such as `remove a.json`, if it is to fail. */
  disturb: (operation: string) => void = () => undefined;

  constructor(label = 'memory') {
    this.label = label;
  }

  #do(operation: string): void {
    this.disturb(operation);
    this.done.push(operation);
  }

  async list(): Promise<StoredFile[]> {
    this.#do('list');
    return [...this.files].map(([name, { length: bytes }]) => ({ name, bytes }));
  }

  async put(name: string, source: Readable): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of source as AsyncIterable<Buffer>) chunks.push(chunk);
    this.#do(`put ${name}`);
    this.files.set(name, Buffer.concat(chunks));
  }

  async open(name: string): Promise<Readable> {
    this.#do(`open ${name}`);
    const bytes = this.files.get(name);
    if (bytes === undefined) throw new KbinError('STEP', `${name} is not there`);
    return Readable.from([bytes]);
  }

  async remove(name: string): Promise<void> {
    this.#do(`remove ${name}`);
    this.files.delete(name);
  }

  async sweep(): Promise<void> {
    this.#do('sweep');
  }

  async close(): Promise<void> {
    this.#do('close');
  }
}

export interface Taken {
  /** `2026-11-20T13:00:00Z`. */
  at: string;
  bytes?: number;
  pki?: boolean;
  manifest?: Partial<SnapshotManifest>;
}

const SHA256 = 'b'.repeat(64);

/** The files of a whole snapshot, in the order in which they are written. */
export function filesOf({ at, bytes = 10, pki = false, manifest = {} }: Taken): {
  name: string;
  files: [string, Buffer][];
} {
  const name = snapshotName(CLUSTER.cluster, Date.parse(at), 77);
  const [database, store] = [`${name}.db.zst`, `${name}.pki.age`];
  const whole: SnapshotManifest = {
    version: 1,
    name,
    ...CLUSTER,
    etcdClusterId: 'c'.repeat(16),
    member: 'cp-1',
    takenAt: at,
    revision: 77,
    keys: 5,
    hash: '0123abcd',
    versions: { etcd: '3.6.16', kubernetes: 'v1.36.2', kbin: '0.1.0' },
    database: { bytes: 100, sha256: SHA256 },
    stored: { file: database, bytes, sha256: SHA256, compression: 'zstd', encrypted: false },
    ...(pki ? { pki: { file: store, bytes: 4, sha256: SHA256 } } : {}),
    ...manifest,
  };
  return {
    name,
    files: [
      [database, Buffer.alloc(bytes)],
      ...(pki ? ([[store, Buffer.alloc(4)]] as [string, Buffer][]) : []),
      [`${name}.json`, Buffer.from(JSON.stringify(whole))],
    ],
  };
}

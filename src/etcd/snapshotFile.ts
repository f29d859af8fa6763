import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { META_BYTES, metaOf, BboltFile } from './bbolt.ts';
import { SnapshotFault } from './snapshotFault.ts';

/** etcd appends the sha256 of the database (etcd, maintenance.go, Snapshot). */
export const TRAILER_BYTES = 32;
/** A page has a multiple of it, so that the trailer shows in the size (etcdutl, v3_snapshot.go, hasChecksum). */
const SECTOR_BYTES = 512;
const READ_BYTES = 1024 * 1024;

/** What was proved: the whole of it, with the trailer. */
export interface ProvedDatabase {
  bytes: number;
  sha256: string;
}

/** Passes a snapshot through unchanged and fails at its end when it is not what etcd sent. */
export class SnapshotProof extends Transform {
  readonly #what: string;
  readonly #hash = createHash('sha256');
  #bytes = 0;
  #head = Buffer.alloc(0);
  /** The last bytes so far: they may be the trailer. */
  #tail = Buffer.alloc(0);
  #prove: (database: ProvedDatabase) => void = () => undefined;
  #refute: (error: Error) => void = () => undefined;
  /** Settles at the end of the stream, with SnapshotFault or the stream's error when that is not a good one. */
  readonly result: Promise<ProvedDatabase>;

  /** `what`: the file, or whose stream it is. */
  constructor(what: string) {
    super({ highWaterMark: READ_BYTES });
    this.#what = what;
    this.result = new Promise((resolve, reject) => {
      this.#prove = resolve;
      this.#refute = reject;
    });
    // Whoever pipes it sees the same error.
    this.result.catch(() => undefined);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: (error: null, chunk: Buffer) => void): void {
    this.#bytes += chunk.length;
    if (this.#head.length < META_BYTES) {
      this.#head = Buffer.concat([this.#head, chunk.subarray(0, META_BYTES - this.#head.length)]);
    }
    // A copy of a few bytes: a part of the chunk would keep all of it in memory.
    const seen = chunk.length < TRAILER_BYTES ? Buffer.concat([this.#tail, chunk]) : chunk;
    if (seen === chunk) this.#hash.update(this.#tail);
    const start = Math.max(0, seen.length - TRAILER_BYTES);
    this.#hash.update(seen.subarray(0, start));
    this.#tail = Buffer.from(seen.subarray(start));
    done(null, chunk);
  }

  override _flush(done: (error?: Error) => void): void {
    const sha256 = this.#hash.copy().update(this.#tail).digest('hex');
    const fault = this.#fault(this.#hash.digest());
    if (fault === undefined) this.#prove({ bytes: this.#bytes, sha256 });
    done(fault);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#refute(error ?? new SnapshotFault('cut', this.#what, `it ended after ${this.#bytes} bytes`));
    done(error);
  }

  #fault(hash: Buffer): SnapshotFault | undefined {
    const fault = (...[reason, words]: [SnapshotFault['reason'], string]): SnapshotFault =>
      new SnapshotFault(reason, this.#what, words);
    if (this.#bytes === 0) return fault('empty', 'it is empty');
    if (this.#bytes < META_BYTES) return fault('cut', `it has only ${this.#bytes} bytes`);
    const meta = metaOf(this.#head);
    if (meta === 'foreign') return fault('foreign', 'it does not begin as an etcd database does');
    if (meta === 'changed') return fault('changed', 'its first page is not as etcd wrote it');
    const { databaseBytes } = meta;
    const needed = databaseBytes + TRAILER_BYTES;
    if (this.#bytes >= databaseBytes && this.#bytes % SECTOR_BYTES === 0) {
      return fault('no-trailer', 'it ends without the hash of its contents');
    }
    if (this.#bytes < needed) return fault('cut', `it has ${this.#bytes} of ${needed} bytes`);
    if (this.#bytes > needed) return fault('changed', `it has ${this.#bytes} bytes instead of ${needed}`);
    if (this.#tail.equals(hash)) return undefined;
    return fault('changed', 'its contents do not have the hash at its end');
  }
}

/** Reads all of a file. Throws SnapshotFault when it is no whole and unchanged snapshot. */
export async function proveFile(path: string): Promise<ProvedDatabase> {
  const proof = new SnapshotProof(path);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  await pipeline(createReadStream(path, { highWaterMark: READ_BYTES }), proof, nowhere);
  return proof.result;
}

/** A revision as etcd stores it: eight bytes, the highest first, and more. Source: etcd, mvcc/revision.go. */
const revisionIn = (bytes: Buffer | undefined): number =>
  bytes === undefined || bytes.length < 8 ? 0 : Number(bytes.readBigInt64BE(0));

/**
 * The revision at which etcd continues after this snapshot: that of the newest key, or of the compaction that took it
 * away (etcd, kvstore.go, restore). 1 for a store that was never written. `etcdutl` tells only the newest key's.
 *
 * @throws SnapshotFault when the file's tree cannot be read.
 */
export async function revisionOf(path: string): Promise<number> {
  const handle = await open(path, 'r');
  try {
    const head = Buffer.alloc(META_BYTES);
    await handle.read(head, 0, META_BYTES, 0);
    const meta = metaOf(head);
    if (typeof meta === 'string') throw new SnapshotFault(meta, path, 'its first page is not as etcd wrote it');
    const file = new BboltFile(handle, meta, path);
    const compactions = ['scheduledCompactRev', 'finishedCompactRev'].map((key) => file.value('meta', key));
    const found = [await file.lastKey('key'), ...(await Promise.all(compactions))];
    return Math.max(1, ...found.map(revisionIn));
  } finally {
    await handle.close();
  }
}

import { KbinError } from '../errors.ts';

/**
 * - `empty`: nothing at all.
 * - `foreign`: it does not begin as a bbolt database does.
 * - `cut`: shorter than its database with the trailer.
 * - `no-trailer`: the database without its hash, as a copied `member/snap/db` is: what is in it cannot be proved.
 * - `changed`: it is not what etcd sent.
 */
export type SnapshotReason = 'empty' | 'foreign' | 'cut' | 'no-trailer' | 'changed';

const HINTS: Record<SnapshotReason, string> = {
  empty: 'Use another snapshot.',
  foreign: 'Use a file that kbin or etcdctl snapshot save wrote, decrypted and decompressed.',
  cut: 'Use another snapshot, or a whole copy of this one.',
  'no-trailer': 'Use a snapshot: a file copied out of a data directory lacks its hash and what is only in the log yet.',
  changed: 'Use another snapshot, or an unchanged copy of this one.',
};

/** A file or stream that is not the whole and unchanged snapshot that etcd sent. */
export class SnapshotFault extends KbinError {
  readonly reason: SnapshotReason;

  /** `what`: the file, or whose stream it is. */
  constructor(reason: SnapshotReason, what: string, words: string) {
    super('STEP', `${what} is no sound snapshot: ${words}`, { hint: HINTS[reason] });
    this.name = 'SnapshotFault';
    this.reason = reason;
  }
}

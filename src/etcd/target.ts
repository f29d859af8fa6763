import type { Readable } from 'node:stream';

export interface StoredFile {
  /** Without any path. */
  name: string;
  bytes: number;
}

/**
 * A place where snapshots lie. Names have no slash. Throws KbinError CONNECT, AUTH, STEP with the target's label, never a
 * secret.
 */
export interface SnapshotTarget {
  /** For people: a path, `sftp://…`, `s3://…`. */
  readonly label: string;
  /** Files under their final names; what an interrupted `put` left is not among them. */
  list(): Promise<StoredFile[]>;
  /**
   * Writes a file whole or not at all: never half under its final name, and on the disk for good when it resolves.
   * An existing file of that name is replaced.
   */
  put(name: string, source: Readable, bytes: number): Promise<void>;
  /** The bytes of a file, for reading it back. */
  open(name: string): Promise<Readable>;
  /** Removing what is not there is no error. */
  remove(name: string): Promise<void>;
  /** Removes what interrupted writes left, older than an hour. */
  sweep(): Promise<void>;
  close(): Promise<void>;
}

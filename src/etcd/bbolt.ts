import type { FileHandle } from 'node:fs/promises';
import { SnapshotFault } from './snapshotFault.ts';

/**
 * Just enough of bbolt's file format (go.etcd.io/bbolt, internal/common: meta.go, page.go, bucket.go) to tell how long a
 * database is and to read a few values. Numbers are those of a little-endian machine, which all of kbin's hosts are.
 */
const MAGIC = 0xed0cdaed;
const VERSION = 2;
const PAGE_HEADER = 16;
const ELEMENT = 16;
const CHECKED_BYTES = 56;
const BRANCH = 1;
const LEAF = 2;
const BUCKET = 1;
/** Deeper is no tree of this file: pages have two entries at least. */
const MAX_DEPTH = 64;

/** Bytes of a file that `metaOf` needs. */
export const META_BYTES = PAGE_HEADER + CHECKED_BYTES + 8;

export interface BboltMeta {
  pageBytes: number;
  /** All that belongs to the database; a file can be longer. */
  databaseBytes: number;
  /** Page of the bucket that holds all others. */
  root: number;
}

const u64 = (bytes: Buffer, at: number): number => Number(bytes.readBigUInt64LE(at));

/** FNV-1a, 64 bits. */
function checksumOf(bytes: Buffer): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}

/** Of a file's beginning; why there is none otherwise: not a bbolt file, or one that was changed. */
export function metaOf(head: Buffer): BboltMeta | 'foreign' | 'changed' {
  const meta = head.subarray(PAGE_HEADER, META_BYTES);
  if (meta.length < META_BYTES - PAGE_HEADER || meta.readUInt32LE(0) !== MAGIC) return 'foreign';
  const isSound = meta.readBigUInt64LE(CHECKED_BYTES) === checksumOf(meta.subarray(0, CHECKED_BYTES));
  if (!isSound || meta.readUInt32LE(4) !== VERSION) return 'changed';
  const pageBytes = meta.readUInt32LE(8);
  return { pageBytes, root: u64(meta, 16), databaseBytes: u64(meta, 40) * pageBytes };
}

/** An entry of a leaf; in a branch the value is empty and `page` leads on. */
interface Entry {
  key: Buffer;
  value: Buffer;
  page: number;
  isBucket: boolean;
}

interface Page {
  isLeaf: boolean;
  count: number;
  entry: (index: number) => Entry;
}

export class BboltFile {
  readonly #handle: FileHandle;
  readonly #meta: BboltMeta;
  readonly #path: string;

  /** Reads from an open file; `path` is for messages. */
  constructor(handle: FileHandle, meta: BboltMeta, path: string) {
    this.#handle = handle;
    this.#meta = meta;
    this.#path = path;
  }

  #damaged(what: string): SnapshotFault {
    return new SnapshotFault('changed', this.#path, `its database is damaged: ${what}`);
  }

  async #read(at: number, length: number): Promise<Buffer> {
    if (at + length > this.#meta.databaseBytes) throw this.#damaged('a page is beyond its end');
    const buffer = Buffer.allocUnsafe(length);
    const { bytesRead } = await this.#handle.read(buffer, 0, length, at);
    if (bytesRead !== length) throw this.#damaged('a page is not all there');
    return buffer;
  }

  async #page(number: number): Promise<Page> {
    const { pageBytes } = this.#meta;
    const header = await this.#read(number * pageBytes, PAGE_HEADER);
    const pages = 1 + header.readUInt32LE(12);
    return this.#parsed(await this.#read(number * pageBytes, pages * pageBytes));
  }

  #parsed(bytes: Buffer): Page {
    const [flags, count] = [bytes.readUInt16LE(8), bytes.readUInt16LE(10)];
    if ((flags !== BRANCH && flags !== LEAF) || PAGE_HEADER + count * ELEMENT > bytes.length) {
      throw this.#damaged('a page is none of a tree');
    }
    return { isLeaf: flags === LEAF, count, entry: (index) => this.#entry(bytes, flags === LEAF, index) };
  }

  #entry(bytes: Buffer, isLeaf: boolean, index: number): Entry {
    const at = PAGE_HEADER + index * ELEMENT;
    const start = at + bytes.readUInt32LE(at + (isLeaf ? 4 : 0));
    const end = start + bytes.readUInt32LE(at + (isLeaf ? 8 : 4));
    const valueEnd = isLeaf ? end + bytes.readUInt32LE(at + 12) : end;
    if (valueEnd > bytes.length) throw this.#damaged('an entry is beyond its page');
    return {
      key: bytes.subarray(start, end),
      value: bytes.subarray(end, valueEnd),
      page: isLeaf ? 0 : u64(bytes, at + 8),
      isBucket: isLeaf && (bytes.readUInt32LE(at) & BUCKET) !== 0,
    };
  }

  /** The entry that `choose` picks on the way down from a page: an index, or undefined for none. */
  async #descend(from: Page, choose: (page: Page) => number | undefined): Promise<Entry | undefined> {
    let page = from;
    for (let depth = 0; depth < MAX_DEPTH; depth += 1) {
      const index = choose(page);
      if (index === undefined) return undefined;
      const entry = page.entry(index);
      if (page.isLeaf) return entry;
      page = await this.#page(entry.page);
    }
    throw this.#damaged('a tree has no end');
  }

  #find(from: Page, key: string): Promise<Entry | undefined> {
    const wanted = Buffer.from(key);
    return this.#descend(from, (page) => {
      const indexes = Array.from({ length: page.count }, (_, index) => index);
      const last = indexes.findLast((index) => Buffer.compare(page.entry(index).key, wanted) <= 0);
      if (!page.isLeaf) return last ?? (page.count === 0 ? undefined : 0);
      return last !== undefined && page.entry(last).key.equals(wanted) ? last : undefined;
    });
  }

  /** First page of a bucket; undefined when there is none of that name. */
  async #bucket(name: string): Promise<Page | undefined> {
    const entry = await this.#find(await this.#page(this.#meta.root), name);
    if (entry?.isBucket !== true || entry.value.length < PAGE_HEADER) return undefined;
    const root = u64(entry.value, 0);
    // A small bucket is a page within its entry.
    return root === 0 ? this.#parsed(entry.value.subarray(PAGE_HEADER)) : this.#page(root);
  }

  /** Greatest key of a bucket; undefined when it has none. Throws SnapshotFault. */
  async lastKey(bucket: string): Promise<Buffer | undefined> {
    const page = await this.#bucket(bucket);
    if (page === undefined) return undefined;
    const last = await this.#descend(page, ({ count }) => (count === 0 ? undefined : count - 1));
    return last?.key;
  }

  /** Value of a key of a bucket. Throws SnapshotFault. */
  async value(bucket: string, key: string): Promise<Buffer | undefined> {
    const page = await this.#bucket(bucket);
    return page === undefined ? undefined : (await this.#find(page, key))?.value;
  }
}

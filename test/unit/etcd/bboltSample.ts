import { createHash } from 'node:crypto';

/** Small databases in bbolt's format, as etcd would send them: trees of two levels, buckets within entries. */

const PAGE = 4096;
const HEADER = 16;
const ELEMENT = 16;

interface Entry {
  key: Buffer;
  value: Buffer;
  /** Of a branch: the page below. */
  page?: number;
  isBucket?: boolean;
}

function fnv(bytes: Buffer): bigint {
  let hash = 14695981039346656037n;
  for (const byte of bytes) hash = ((hash ^ BigInt(byte)) * 1099511628211n) % 2n ** 64n;
  return hash;
}

function page(id: number, flags: number, entries: Entry[], bytes = PAGE): Buffer {
  const out = Buffer.alloc(bytes);
  out.writeBigUInt64LE(BigInt(id), 0);
  out.writeUInt16LE(flags, 8);
  out.writeUInt16LE(entries.length, 10);
  out.writeUInt32LE(bytes <= PAGE ? 0 : Math.ceil(bytes / PAGE) - 1, 12);
  let data = HEADER + entries.length * ELEMENT;
  for (const [index, { key, value, page: below, isBucket }] of entries.entries()) {
    const at = HEADER + index * ELEMENT;
    const words =
      below === undefined ? [Number(isBucket ?? false), data - at, key.length, value.length] : [data - at, key.length];
    for (const [word, number] of words.entries()) out.writeUInt32LE(number, at + word * 4);
    if (below !== undefined) out.writeBigUInt64LE(BigInt(below), at + 8);
    data += key.copy(out, data) + value.copy(out, data + key.length);
  }
  return out;
}

const leaf = (id: number, entries: Entry[], bytes?: number): Buffer => page(id, 2, entries, bytes);
const branch = (id: number, entries: Entry[]): Buffer => page(id, 1, entries);

function meta(id: number, pages: number, root: number): Buffer {
  const out = page(id, 4, []);
  for (const [at, number] of [
    [0, 0xed0cdaed],
    [4, 2],
    [8, PAGE],
  ] as const)
    out.writeUInt32LE(number, HEADER + at);
  for (const [at, number] of [
    [16, root],
    [40, pages],
    [48, 9 - id],
  ] as const)
    out.writeBigUInt64LE(BigInt(number), HEADER + at);
  out.writeBigUInt64LE(fnv(out.subarray(HEADER, HEADER + 56)), HEADER + 56);
  return out;
}

const numberBytes = (number: number): Buffer => {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(BigInt(number));
  return out;
};

/** As etcd writes the revision of a key: main, `_`, sub. */
export function revisionBytes(main: number, sub = 0): Buffer {
  const out = Buffer.alloc(17, '_');
  out.writeBigInt64BE(BigInt(main), 0);
  out.writeBigInt64BE(BigInt(sub), 9);
  return out;
}

const bucket = (name: string, root: number, inline: Buffer = Buffer.alloc(0)): Entry => ({
  key: Buffer.from(name),
  value: Buffer.concat([numberBytes(root), Buffer.alloc(8), inline]),
  isBucket: true,
});

export interface SampleOptions {
  /** Of each leaf of the bucket of keys; a branch stands above them where there are several. */
  keys: number[][];
  scheduledCompaction?: number;
  /** Changes the pages before they are put together. */
  damage?: (pages: Buffer[]) => void;
}

/** A snapshot as etcd streams it, with its trailer. */
export function sampleSnapshot({ keys, scheduledCompaction, damage }: SampleOptions): Buffer {
  const entries = (revisions: number[]): Entry[] =>
    revisions.map((main) => ({ key: revisionBytes(main), value: Buffer.from('v') }));
  // A leaf of two pages, as large values make it.
  const leaves = keys.map((revisions, index) => leaf(4 + index * 2, entries(revisions), PAGE * 2));
  const above = branch(
    3,
    keys.map((revisions, index) => ({
      key: revisionBytes(revisions[0] ?? 0),
      value: Buffer.alloc(0),
      page: 4 + index * 2,
    })),
  );
  const compaction: Entry[] =
    scheduledCompaction === undefined
      ? []
      : [{ key: Buffer.from('scheduledCompactRev'), value: revisionBytes(scheduledCompaction) }];
  const inline = leaf(0, [{ key: Buffer.from('consistent_index'), value: Buffer.alloc(8) }, ...compaction], 256);
  const buckets = [
    bucket('alarm', 0, leaf(0, [], 16)),
    bucket('key', keys.length === 1 ? 4 : 3),
    bucket('meta', 0, inline),
  ];
  const count = 4 + keys.length * 2;
  const pages = [meta(0, count, 2), meta(1, count, 2), leaf(2, buckets), above, ...leaves];
  damage?.(pages);
  const database = Buffer.concat(pages);
  return Buffer.concat([database, createHash('sha256').update(database).digest()]);
}

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { proveFile, revisionOf, SnapshotProof } from '../../../src/etcd/snapshotFile.ts';
import { sampleSnapshot, type SampleOptions } from './bboltSample.ts';
import { verdictOn } from './proving.ts';

const folder = mkdtempSync(join(tmpdir(), 'kbin-snapshot-'));
afterAll(() => rmSync(folder, { recursive: true }));

const written = (bytes: Buffer): string => {
  const path = join(folder, 'it.db');
  writeFileSync(path, bytes);
  return path;
};
const whole = sampleSnapshot({
  keys: [
    [2, 3],
    [4, 7],
  ],
});

test.each([1, 5, 31, 32, 33, 512, 4096, 1_000_000])(
  'a sound snapshot is proved in pieces of %i bytes',
  async (length) => {
    expect(await verdictOn(whole, length)).toBe('sound');
  },
);

test('what was proved has its length and its sha256, trailer and all', async () => {
  const sha256 = createHash('sha256').update(whole).digest('hex');
  expect(await proveFile(written(whole))).toEqual({ bytes: whole.length, sha256 });
});

test.each(Array.from({ length: 9 }, (_, index) => index + 1))('cut at %i tenths it is cut', async (tenth) => {
  // One byte less: a tenth that ends where a sector does is told apart below.
  expect(await verdictOn(whole.subarray(0, Math.floor((whole.length * tenth) / 10) - 1))).toBe('cut');
});

test.each<[string, Buffer, string]>([
  ['nothing', Buffer.alloc(0), 'empty'],
  ['a few bytes', whole.subarray(0, 40), 'cut'],
  ['a whole number of sectors of it', whole.subarray(0, 8192), 'cut'],
  ['all but its last byte', whole.subarray(0, -1), 'cut'],
  ['half of the trailer', whole.subarray(0, -16), 'cut'],
  ['the database without the trailer', whole.subarray(0, -32), 'no-trailer'],
  [
    'a database with space behind it, as in a data directory',
    Buffer.concat([whole.subarray(0, -32), Buffer.alloc(65_536)]),
    'no-trailer',
  ],
  ['a byte too many', Buffer.concat([whole, Buffer.from('x')]), 'changed'],
  ['a sector too many', Buffer.concat([whole, Buffer.alloc(512)]), 'changed'],
  ['another file', Buffer.alloc(8192, 'kbin'), 'foreign'],
  ['another file that is empty pages', Buffer.alloc(8192 + 32), 'foreign'],
])('%s: the reason is told', async (_, bytes, reason) => {
  expect(await verdictOn(bytes)).toBe(reason);
});

test('a bit that was flipped anywhere is seen', async () => {
  const verdicts: Record<string, number> = {};
  for (let at = 0; at < whole.length; at += at < 100 ? 1 : 61) {
    const changed = Buffer.from(whole);
    changed[at] = changed[at]! ^ (1 << (at % 8));
    const verdict = await verdictOn(changed);
    verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
  }
  // The magic number is four of the bytes.
  expect(verdicts).toEqual({ changed: expect.any(Number), foreign: 4 });
});

test('a stream that breaks on the way is not proved', async () => {
  const source = new PassThrough();
  const proof = new SnapshotProof('it');
  const broken = new Error('broken');
  source.pipe(proof);
  source.write(whole);
  proof.on('error', () => undefined).destroy(broken);
  await expect(proof.result).rejects.toBe(broken);
  const closed = new SnapshotProof('it').destroy();
  await expect(closed.result).rejects.toMatchObject({ reason: 'cut' });
});

test.each<[string, SampleOptions, number]>([
  ['of the newest key', { keys: [[2, 3]] }, 3],
  [
    'of the newest key of several pages',
    {
      keys: [
        [2, 3],
        [4, 5],
        [6, 1_000_000_000_007],
      ],
    },
    1_000_000_000_007,
  ],
  ['of a compaction that took the newest key', { keys: [[2, 3]], scheduledCompaction: 9 }, 9],
  ['of the newest key after a compaction', { keys: [[8, 9]], scheduledCompaction: 4 }, 9],
  ['1 where nothing was ever written', { keys: [[]] }, 1],
])('the revision is that %s', async (_, options, revision) => {
  expect(await revisionOf(written(sampleSnapshot(options)))).toBe(revision);
});

const damaging =
  (page: number, at: number, value: number) =>
  (pages: Buffer[]): void =>
    void pages[page]?.writeUInt32LE(value, at);
test.each<[string, NonNullable<SampleOptions['damage']>]>([
  ['a page that is beyond the end', damaging(3, 16 + 16 + 8, 5000)],
  ['a page of another kind', damaging(5, 8, 0x10)],
  ['a page with more entries than fit', damaging(5, 8, 0xffff0002)],
  ['an entry beyond its page', damaging(5, 16 + 16 + 8, 100_000)],
  ['a page longer than the file', damaging(5, 12, 70_000)],
  ['a tree that leads back to itself', damaging(3, 16 + 16 + 8, 3)],
])('a tree with %s is damaged, whatever its hash says', async (_, damage) => {
  const path = written(
    sampleSnapshot({
      keys: [
        [2, 3],
        [4, 7],
      ],
      damage,
    }),
  );
  await expect(proveFile(path)).resolves.toBeDefined();
  await expect(revisionOf(path)).rejects.toMatchObject({
    code: 'STEP',
    reason: 'changed',
    message: expect.stringContaining('it.db'),
  });
});

test('a file that is no database has no revision', async () => {
  await expect(revisionOf(written(Buffer.from('x')))).rejects.toMatchObject({ reason: 'foreign' });
});

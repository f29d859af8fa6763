import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { KbinError } from '../../../../src/errors.ts';
import type { SnapshotTarget } from '../../../../src/etcd/target.ts';

const NAME = 'prod-20261120T130000Z-77.db.zst';
const MIB = 1024 * 1024;

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export async function bytesOf(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A stream that gives `bytes` and then fails, or ends if there is no failure. */
export function stream(bytes: Buffer, failure?: Error): Readable {
  async function* chunks(): AsyncGenerator<Buffer> {
    for (let from = 0; from < bytes.length; from += 100_000) yield bytes.subarray(from, from + 100_000);
    if (failure !== undefined) throw failure;
  }
  return Readable.from(chunks(), { objectMode: false });
}

/** A stream that somebody ends without a word once it has given `bytes`. */
function destroyedAfter(bytes: Buffer): Readable {
  const readable: Readable = Readable.from(chunks(), { objectMode: false });
  async function* chunks(): AsyncGenerator<Buffer> {
    yield bytes;
    await new Promise((resolve) => setImmediate(resolve));
    readable.destroy();
  }
  return readable;
}

/** The KbinError that a promise rejects with. */
export const fault = (promise: Promise<unknown>): Promise<KbinError> =>
  promise.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: unknown) => (error instanceof KbinError ? error : Promise.reject(error as Error)),
  );

export interface Subject {
  target: () => SnapshotTarget;
  /** What is at the target's place, of whatever name. */
  everything: () => Promise<string[]>;
}

/** What every target has to do, whatever it writes to. */
export function keepsTheContract({ target, everything }: Subject): void {
  const names = async (): Promise<string[]> => (await target().list()).map(({ name }) => name).sort();

  test('is empty before the first file', async () => {
    expect(await target().list()).toEqual([]);
    await target().sweep();
    await target().remove(NAME);
  });

  test.each([0, 1, 21 * MIB + 5])('a file of %d bytes comes back as it was written', async (size) => {
    const bytes = randomBytes(size);
    await target().put(NAME, stream(bytes), size);
    expect(await target().list()).toEqual([{ name: NAME, bytes: size }]);
    expect(sha256(await bytesOf(await target().open(NAME)))).toBe(sha256(bytes));
  });

  test('a file is replaced', async () => {
    const [old, young] = [randomBytes(300_000), randomBytes(200_000)];
    await target().put(NAME, stream(old), old.length);
    await target().put(NAME, stream(young), young.length);
    expect(await target().list()).toEqual([{ name: NAME, bytes: young.length }]);
    expect(sha256(await bytesOf(await target().open(NAME)))).toBe(sha256(young));
  });

  describe.each([200_000, 20 * MIB])('a source that is cut after %d bytes', (size) => {
    const old = randomBytes(1000);
    const half = randomBytes(size);
    beforeAll(() => target().put(NAME, stream(old), old.length));

    const cuts = [
      ['fails', () => stream(half, new KbinError('CONNECT', 'the member went away')), half.length * 2, 'went away'],
      ['ends early', () => stream(half), half.length + 1, `${half.length} of ${half.length + 1} bytes`],
      ['does not end', () => stream(half), half.length - 1, 'more than'],
      ['is destroyed', () => destroyedAfter(half), half.length * 2, `${half.length} of ${half.length * 2} bytes`],
    ] as const;
    test.each(cuts)('%s: the old file stays, and nothing else', async (_, source, bytes, words) => {
      const cut = source();
      expect((await fault(target().put(NAME, cut, bytes))).message).toContain(words);
      expect(cut.destroyed).toBe(true);
      expect(await everything()).toEqual([NAME]);
      expect(sha256(await bytesOf(await target().open(NAME)))).toBe(sha256(old));
    });
  });

  test('a source that failed before it is read is told as it failed', async () => {
    const source = new Readable({ read: () => undefined });
    const failure = new KbinError('CONNECT', 'gone before');
    source.destroy(failure);
    expect(await fault(target().put('other', source, 5))).toBe(failure);
    expect(await names()).toEqual([NAME]);
  });

  test('two files at once', async () => {
    const [one, other] = [randomBytes(9 * MIB), randomBytes(3 * MIB)];
    await Promise.all([
      target().put('one.db', stream(one), one.length),
      target().put('one.json', stream(other), other.length),
    ]);
    expect(await names()).toEqual(['one.db', 'one.json', NAME]);
    expect(sha256(await bytesOf(await target().open('one.db')))).toBe(sha256(one));
    await target().remove('one.db');
    await target().remove('one.db');
    await target().remove('one.json');
    expect(await names()).toEqual([NAME]);
  });

  test('a reader that stops early does no harm', async () => {
    const bytes = randomBytes(12 * MIB);
    await target().put(NAME, stream(bytes), bytes.length);
    for await (const chunk of await target().open(NAME)) {
      expect((chunk as Buffer).length).toBeGreaterThan(0);
      break;
    }
    (await target().open(NAME)).destroy();
    expect(sha256(await bytesOf(await target().open(NAME)))).toBe(sha256(bytes));
  });

  test('a file that is not there', async () => {
    const error = await fault(target().open('nothing.db'));
    expect(error.code).toBe('STEP');
    expect(error.message).toContain('nothing.db');
    expect(error.message).toContain(target().label);
  });

  test.each(['../out', 'a/b', '.hidden', '', '..', '/etc/passwd', 'a\nb'])('%j is no name', async (name) => {
    const before = await everything();
    for (const attempt of [
      () => target().put(name, stream(Buffer.alloc(3)), 3),
      () => target().open(name),
      () => target().remove(name),
    ]) {
      expect((await fault(attempt())).code).toBe('STEP');
    }
    expect(await everything()).toEqual(before);
  });
}

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { assertSpace, nameForGood, prepareSpool } from '../../../src/etcd/spool.ts';
import { SpoolFile } from '../../../src/etcd/spoolFile.ts';
import { piecesOf } from './proving.ts';

const home = mkdtempSync(join(tmpdir(), 'kbin-spool-'));
afterAll(() => rmSync(home, { recursive: true }));
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(home, 'case-'));
});

test.each([0, 1, 262_143, 262_144, 262_145, 1_000_000])(
  'a file of %i bytes is what was written, for its owner only',
  async (length) => {
    const [path, bytes] = [join(folder, 'file'), randomBytes(length)];
    for (const piece of [1000, 262_144, 700_000]) {
      rmSync(path, { force: true });
      await pipeline(Readable.from(piecesOf(bytes, piece)), new SpoolFile(path));
      expect(readFileSync(path).equals(bytes)).toBe(true);
    }
    expect(statSync(path).mode & 0o777).toBe(0o600);
  },
);

test('what is there already, a folder that is not, and a full disk are told, and the stream fails', async () => {
  writeFileSync(join(folder, 'there'), 'kept');
  const write = (path: string): Promise<unknown> =>
    pipeline(Readable.from(piecesOf(Buffer.alloc(600_000), 1000)), new SpoolFile(path)).catch(
      (error: unknown) => error,
    );
  expect(await write(join(folder, 'there'))).toMatchObject({
    name: 'LocalError',
    message: expect.stringContaining('EEXIST'),
  });
  expect(readFileSync(join(folder, 'there'), 'utf8')).toBe('kept');
  expect(await write(join(folder, 'no/folder'))).toMatchObject({
    code: 'STEP',
    message: expect.stringContaining('ENOENT'),
  });
});

test('a source that breaks leaves the file closed, and it can be removed', async () => {
  const source = Readable.from(
    (async function* () {
      yield Buffer.alloc(300_000);
      throw new Error('broken');
    })(),
  );
  await expect(pipeline(source, new SpoolFile(join(folder, 'file')))).rejects.toThrow('broken');
  rmSync(join(folder, 'file'));
});

test('a spool is made for its owner, and what was left for an hour is removed', async () => {
  const spool = join(folder, 'a/spool');
  await prepareSpool(spool, Date.now());
  expect(statSync(spool).mode & 0o777).toBe(0o700);
  const now = Date.now();
  const put = (name: string, minutes: number): void => {
    writeFileSync(join(spool, name), '');
    utimesSync(join(spool, name), now / 1000, now / 1000 - minutes * 60);
  };
  for (const [name, minutes] of [
    ['.old.db.part', 61],
    ['.new.db.part', 59],
    ['old.db', 600],
    ['.old', 600],
  ] as const)
    put(name, minutes);
  mkdirSync(join(spool, 'folder'));
  await prepareSpool(spool, now);
  expect(readdirSync(spool).sort()).toEqual(['.new.db.part', '.old', 'folder', 'old.db']);
});

test('a spool that cannot be made is told', async () => {
  writeFileSync(join(folder, 'file'), '');
  await expect(prepareSpool(join(folder, 'file/spool'), 0)).rejects.toMatchObject({ name: 'LocalError' });
});

test('space is asked for twice the database', async () => {
  await expect(assertSpace(folder, 1)).resolves.toBeUndefined();
  await expect(assertSpace(folder, 2 ** 60)).rejects.toMatchObject({
    code: 'PREFLIGHT',
    message: expect.stringContaining(folder),
  });
});

test('a finished file gets its name, or this machine says why not', async () => {
  const part = join(folder, '.x.part');
  writeFileSync(part, 'x');
  expect(await nameForGood(part, folder, 'x.db')).toBe(join(folder, 'x.db'));
  expect([existsSync(part), readFileSync(join(folder, 'x.db'), 'utf8')]).toEqual([false, 'x']);
  await expect(nameForGood(part, folder, 'y.db')).rejects.toMatchObject({ name: 'LocalError' });
});

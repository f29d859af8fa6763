import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileTarget } from '../../../../src/etcd/targets/fileTarget.ts';
import { folderTarget } from '../../../../src/etcd/targets/folder.ts';
import { localFiles } from '../../../../src/etcd/targets/localFiles.ts';
import { expectYear } from '../yearOfTarget.ts';
import { bytesOf, fault, keepsTheContract, stream } from './contract.ts';

const base = mkdtempSync(join(tmpdir(), 'kbin-folder-'));
afterAll(() => rmSync(base, { recursive: true }));

describe('a folder', () => {
  const path = join(base, 'deep/in/a');
  const target = folderTarget({ kind: 'folder', name: 'here', path });
  keepsTheContract({
    target: () => target,
    everything: () => Promise.resolve(existsSync(path) ? readdirSync(path) : []),
  });

  test('is made for its owner alone, and so are its files', async () => {
    for (const made of ['deep', 'deep/in', 'deep/in/a']) expect(statSync(join(base, made)).mode & 0o777).toBe(0o700);
    expect(statSync(join(path, readdirSync(path)[0]!)).mode & 0o777).toBe(0o600);
    expect(target.label).toBe(path);
    await target.close();
  });
});

/** A target over a new folder with these files, and two hours old ones. */
function site(name: string, files: string[] = [], old: string[] = []) {
  const path = join(base, name);
  mkdirSync(path);
  for (const file of [...files, ...old]) writeFileSync(join(path, file), file);
  const before = Date.now() / 1000 - 7_200;
  for (const file of old) utimesSync(join(path, file), before, before);
  return { path, target: folderTarget({ kind: 'folder', name, path }), everything: () => readdirSync(path).sort() };
}

test('a folder that is there keeps its mode', async () => {
  const { path, target } = site('open');
  chmodSync(path, 0o755);
  await target.put('a.db', stream(Buffer.from('a')), 1);
  expect(statSync(path).mode & 0o777).toBe(0o755);
});

test('the list shows finished files alone', async () => {
  const { path, target } = site('mixed', ['a.db', '.a.db.part-0123abcd', '.other', 'a b', 'lost+found']);
  mkdirSync(join(path, 'folder'));
  symlinkSync('/etc/passwd', join(path, 'linked.db'));
  expect(await target.list()).toEqual([
    { name: 'a.db', bytes: 4 },
    { name: 'lost+found', bytes: 10 },
  ]);
});

test('a sweep removes old parts, and nothing else', async () => {
  const young = ['.young.db.part-0123abcd', 'young.db'];
  const { target, everything } = site('swept', young, ['.old.db.part-0123abcd', 'old.db', '.other', '.x.part-1']);
  await target.sweep();
  expect(everything()).toEqual(['.other', '.x.part-1', '.young.db.part-0123abcd', 'old.db', 'young.db']);
});

test('a link is not followed, neither out of the folder nor into it', async () => {
  const { path, target } = site('links', ['own.db']);
  const outside = join(base, 'outside');
  writeFileSync(outside, 'secret');
  symlinkSync(outside, join(path, 'a.db'));
  symlinkSync(join(path, 'own.db'), join(path, 'b.db'));
  for (const name of ['a.db', 'b.db']) {
    const error = await fault(target.open(name));
    expect(error).toMatchObject({ code: 'STEP', message: `${path}: ${name}: is a link, and links are not followed.` });
  }
  await target.put('a.db', stream(Buffer.from('new')), 3);
  expect(readFileSync(outside, 'utf8')).toBe('secret');
  expect((await bytesOf(await target.open('a.db'))).toString()).toBe('new');
  await target.remove('b.db');
  expect(readFileSync(join(path, 'own.db'), 'utf8')).toBe('own.db');
});

test('the folder itself may be a link: backups often lie behind one', async () => {
  const { path } = site('behind');
  symlinkSync(path, join(base, 'link'));
  const target = folderTarget({ kind: 'folder', name: 'link', path: join(base, 'link') });
  await target.put('a.db', stream(Buffer.from('a')), 1);
  expect(readdirSync(path)).toEqual(['a.db']);
});

test('what is no folder, and what is no file', async () => {
  const { path, target } = site('wrong', ['file']);
  mkdirSync(join(path, 'folder'));
  const below = folderTarget({ kind: 'folder', name: 'below', path: join(path, 'file') });
  expect((await fault(below.put('a.db', stream(Buffer.from('a')), 1))).code).toBe('STEP');
  expect((await fault(below.list())).message).toBe(
    `${join(path, 'file')}: ${join(path, 'file')}: part of the path is no folder.`,
  );
  expect((await fault(target.open('folder'))).message).toBe(`${path}: folder: is a folder.`);
});

test('without room nothing is written, and the old file stays', async () => {
  const { path, everything } = site('small', ['a.db']);
  const free = (freeBytes: number) =>
    new FileTarget({
      label: 'small',
      folder: path,
      files: { ...localFiles, freeBytes: () => Promise.resolve(freeBytes) },
    });
  const source = stream(randomBytes(1000));
  const error = await fault(free(999).put('a.db', source, 1000));
  expect(error).toMatchObject({
    code: 'STEP',
    message: 'small: no room for a.db. It needs 1000 bytes, and 999 are free.',
  });
  expect(source.destroyed).toBe(true);
  expect(everything()).toEqual(['a.db']);
  await free(1000).put('a.db', stream(randomBytes(1000)), 1000);
});

test.each(['ENOSPC', 'EDQUOT'])('%s in the middle removes the part', async (code) => {
  const { path, everything } = site(code, ['a.db']);
  const files = {
    ...localFiles,
    create: async (part: string, source: AsyncIterable<Uint8Array>): Promise<number> => {
      for await (const chunk of source) {
        writeFileSync(part, chunk);
        break;
      }
      throw Object.assign(new Error(code), { code });
    },
  };
  const target = new FileTarget({ label: 'small', folder: path, files });
  expect((await fault(target.put('a.db', stream(randomBytes(300_000)), 300_000))).message).toContain(
    'no room for a.db',
  );
  expect(everything()).toEqual(['a.db']);
});

test('a year of snapshots every other day with failures', async () => {
  const { target, everything } = site('year');
  await expectYear({ target, everyHours: 48, seed: 5 });
  expect(everything().filter((name) => name.startsWith('.'))).toEqual([]);
}, 60_000);

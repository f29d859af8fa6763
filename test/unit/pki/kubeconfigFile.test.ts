import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { KbinError } from '../../../src/errors.ts';
import { Secret } from '../../../src/model/secret.ts';
import { editFile, isStream, targetOf, writeStream, type Edit } from '../../../src/pki/kubeconfigFile.ts';
import { temporaryDirectory } from './samples.ts';

const root = temporaryDirectory();
let folders = 0;
/** A folder that nothing else uses, and a path in it. */
function place(): { folder: string; file: string } {
  folders += 1;
  const folder = join(root, String(folders));
  mkdirSync(folder);
  return { folder, file: join(folder, 'config') };
}

const edit = (file: string, changes: Partial<Edit> = {}) =>
  editFile(file, { text: (before) => new Secret(`${before}more\n`), keepsBackup: true, ...changes });

const read = (path: string): string => readFileSync(path, 'utf8');
const modeOf = (path: string): number => statSync(path).mode & 0o777;
const caught = (work: Promise<unknown>): Promise<KbinError> =>
  work.then(
    () => Promise.reject(new Error('nothing was thrown')),
    (error: unknown) => error as KbinError,
  );

test('a file that is missing is made for its owner alone, with its folders, and nothing is kept aside', async () => {
  const { folder } = place();
  const file = join(folder, 'a', '.kube', 'config');
  expect(await edit(file)).toEqual({ target: file, backup: null });
  expect([read(file), modeOf(file)]).toEqual(['more\n', 0o600]);
  expect([modeOf(join(folder, 'a')), modeOf(join(folder, 'a', '.kube'))]).toEqual([0o700, 0o700]);
  expect(readdirSync(join(folder, 'a', '.kube'))).toEqual(['config']);
});

test('the old file stays aside byte by byte; neither is open to others any more', async () => {
  const { folder, file } = place();
  writeFileSync(file, 'old\r\n', { mode: 0o644 });
  expect(await edit(file)).toEqual({ target: file, backup: `${file}.kbin-backup` });
  expect([read(file), modeOf(file)]).toEqual(['old\r\nmore\n', 0o600]);
  expect([read(`${file}.kbin-backup`), modeOf(`${file}.kbin-backup`)]).toEqual(['old\r\n', 0o600]);
  await edit(file, { keepsBackup: false });
  expect(read(`${file}.kbin-backup`)).toBe('old\r\n');
  expect(readdirSync(folder)).toEqual(['config', 'config.kbin-backup']);
});

test('a text that stays the same is not written, and the older one stays aside', async () => {
  const { file } = place();
  writeFileSync(file, 'same\n');
  chmodSync(file, 0o644);
  writeFileSync(`${file}.kbin-backup`, 'older\n');
  const { ino } = statSync(file);
  expect(await edit(file, { text: (before) => new Secret(before) })).toEqual({ target: file, backup: null });
  expect([statSync(file).ino, modeOf(file), read(`${file}.kbin-backup`)]).toEqual([ino, 0o600, 'older\n']);
});

test('a link stays one, and what it leads to is changed', async () => {
  const { folder, file } = place();
  mkdirSync(join(folder, 'real'));
  writeFileSync(join(folder, 'real', 'kube'), 'old\n');
  symlinkSync('real', join(folder, 'folder'));
  symlinkSync('../real/kube', join(folder, 'real', 'other'));
  symlinkSync('folder/other', file);
  const { target, backup } = await edit(file);
  expect([target, backup]).toEqual([join(folder, 'real', 'kube'), `${file}.kbin-backup`]);
  expect(lstatSync(file).isSymbolicLink()).toBe(true);
  expect([read(target), read(`${file}.kbin-backup`)]).toEqual(['old\nmore\n', 'old\n']);
  expect(readdirSync(join(folder, 'real'))).toEqual(['kube', 'other']);
});

test('a link to nothing makes what it leads to', async () => {
  const { folder, file } = place();
  symlinkSync('later/kube', file);
  expect((await edit(file)).target).toBe(join(folder, 'later', 'kube'));
  expect([read(file), modeOf(join(folder, 'later'))]).toEqual(['more\n', 0o700]);
});

test('links that go in a circle are refused', async () => {
  const { folder, file } = place();
  symlinkSync('b', file);
  symlinkSync('config', join(folder, 'b'));
  expect(() => targetOf(file)).toThrow('is a symbolic link that leads back to itself');
  expect((await caught(edit(file))).code).toBe('USAGE');
  symlinkSync('.loop', join(folder, '.loop'));
  const inside = await caught(edit(join(folder, '.loop', 'config')));
  expect([inside.code, inside.message]).toEqual(['USAGE', expect.stringContaining('ELOOP')]);
  expect(readdirSync(folder)).toEqual(['.loop', 'b', 'config']);
});

test('what is thrown before the renames leaves everything as it was', async () => {
  const { folder, file } = place();
  writeFileSync(file, 'old\n');
  const refusal = new KbinError('REFUSED', 'no');
  const fail = () => {
    throw refusal;
  };
  expect(await caught(edit(file, { text: fail }))).toBe(refusal);
  expect(await caught(edit(file, { beforePlacing: () => Promise.reject(refusal) }))).toBe(refusal);
  expect([read(file), readdirSync(folder)]).toEqual(['old\n', ['config']]);
});

test('before the renames everything is written already', async () => {
  const { folder, file } = place();
  writeFileSync(file, 'old\n');
  let seen: string[] = [];
  await edit(file, {
    beforePlacing: async () => {
      seen = readdirSync(folder).filter((name) => name.startsWith('.'));
      expect(read(file)).toBe('old\n');
    },
  });
  expect(seen).toHaveLength(2);
});

test('a file that is no text or no file is refused', async () => {
  const { folder, file } = place();
  writeFileSync(file, Buffer.from([0xff, 0xfe, 0x00]));
  expect((await caught(edit(file))).message).toContain('is not UTF-8 text');
  expect((await caught(edit(folder))).message).toContain('is no file');
  expect((await caught(edit(join(file, 'config')))).code).toBe('USAGE');
});

test('what a killed run left beside the file is removed, and nothing else', async () => {
  const { folder, file } = place();
  const left = ['.config.kbin-0123456789abcdef', '.config.kbin-backup.kbin-0123456789abcdef.old'];
  const others = ['.config.kbin-mine', '.other.kbin-0123456789abcdef'];
  for (const name of [...left, ...others]) writeFileSync(join(folder, name), '');
  await edit(file);
  expect(readdirSync(folder)).toEqual([...others, 'config']);
});

test('of many at once each sees what the others did', async () => {
  const { folder, file } = place();
  symlinkSync('config', join(folder, 'link'));
  const add = (line: string) => ({
    text: (before: string) => new Secret(`${before}${line}\n`),
    beforePlacing: () => new Promise<void>((resolve) => setImmediate(resolve)),
  });
  const lines = Array.from({ length: 12 }, (_, index) => `line ${index}`);
  await Promise.all(lines.map((line, index) => edit(index % 2 === 0 ? file : join(folder, 'link'), add(line))));
  expect(read(file).trimEnd().split('\n').toSorted()).toEqual(lines.toSorted());
  expect(readdirSync(folder).filter((name) => name.includes('lock'))).toEqual([]);
});

test('the lock of a process that has died is removed, and waited for otherwise', async () => {
  const { file } = place();
  // Process ids end below this number (proc(5), pid_max).
  writeFileSync(`${file}.lock`, `4194999 ${hostname()}`);
  await edit(file);
  expect([read(file), existsSync(`${file}.lock`)]).toEqual(['more\n', false]);
  // As kubectl makes it.
  writeFileSync(`${file}.lock`, '', { mode: 0 });
  let isReleased = false;
  const edited = edit(file, {
    text: (before) => {
      expect(isReleased).toBe(true);
      return new Secret(before.toUpperCase());
    },
  });
  await new Promise((resolve) => setImmediate(resolve));
  isReleased = true;
  unlinkSync(`${file}.lock`);
  await edited;
  expect(read(file)).toBe('MORE\n');
});

test('a device is written to, not replaced', async () => {
  const { file } = place();
  expect([isStream('/dev/null'), isStream(file), isStream(root)]).toEqual([true, false, false]);
  await writeStream('/dev/null', new Secret('text'));
  expect(lstatSync('/dev/null').isCharacterDevice()).toBe(true);
});

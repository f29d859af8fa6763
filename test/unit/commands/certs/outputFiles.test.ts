import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkOutputs, writeOutputs } from '../../../../src/commands/certs/outputFiles.ts';
import { Secret } from '../../../../src/model/secret.ts';

let folder = '';
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'kbin-out-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const at = (name: string): string => join(folder, name);
const two = () => [
  { path: at('a.pem'), body: 'public', mode: 0o644 },
  { path: at('a-key.pem'), body: new Secret('private'), mode: 0o600 },
];
const read = (name: string): string => readFileSync(at(name), 'utf8');

test('files get their content and exactly their mode, and nothing stays beside them', () => {
  const umask = process.umask(0o077);
  try {
    writeOutputs([...two(), { path: at('b.p12'), body: new Secret(Buffer.from([0, 255])), mode: 0o600 }], false);
  } finally {
    process.umask(umask);
  }
  expect(readdirSync(folder).sort()).toEqual(['a-key.pem', 'a.pem', 'b.p12']);
  expect([read('a.pem'), read('a-key.pem')]).toEqual(['public', 'private']);
  expect(readFileSync(at('b.p12'))).toEqual(Buffer.from([0, 255]));
  const modes = ['a.pem', 'a-key.pem', 'b.p12'].map((name) => statSync(at(name)).mode & 0o777);
  expect(modes).toEqual([0o644, 0o600, 0o600]);
});

test('one that appears meanwhile is kept, and the others are not written either', () => {
  writeFileSync(at('a-key.pem'), 'mine');
  expect(() => writeOutputs(two(), false)).toThrow(`${at('a-key.pem')} is already there`);
  expect(readdirSync(folder)).toEqual(['a-key.pem']);
  expect(read('a-key.pem')).toBe('mine');
});

test('by force they are replaced, mode included', () => {
  writeFileSync(at('a-key.pem'), 'old', { mode: 0o644 });
  writeOutputs(two(), true);
  expect(read('a-key.pem')).toBe('private');
  expect(statSync(at('a-key.pem')).mode & 0o777).toBe(0o600);
});

test('where one cannot be written none is', () => {
  const files = [...two(), { path: at('no/such.p12'), body: 'x', mode: 0o600 }];
  expect(() => writeOutputs(files, false)).toThrow(`nothing can be written to ${at('no')}`);
  mkdirSync(at('folder'));
  expect(() => writeOutputs([...two(), { path: at('folder'), body: 'x', mode: 0o600 }], false)).toThrow(
    'already there',
  );
  expect(readdirSync(folder)).toEqual(['folder']);
});

test('by force too: where one cannot be written, the others are as they were', () => {
  writeFileSync(at('a-key.pem'), 'old', { mode: 0o640 });
  mkdirSync(at('folder'));
  expect(() => writeOutputs([...two(), { path: at('folder'), body: 'x', mode: 0o600 }], true)).toThrow(
    `nothing can be written to ${folder}`,
  );
  expect(readdirSync(folder).sort()).toEqual(['a-key.pem', 'folder']);
  expect([read('a-key.pem'), statSync(at('a-key.pem')).mode & 0o777]).toEqual(['old', 0o640]);
});

test('what is there already, or would be written twice, is told before', () => {
  writeFileSync(at('a.pem'), '');
  writeFileSync(at('b.pem'), '');
  expect(() => checkOutputs([at('a.pem'), at('b.pem'), at('c.pem')], false)).toThrow(
    `${at('a.pem')}, ${at('b.pem')} are already there`,
  );
  expect(() => checkOutputs([at('c.pem'), at('c.pem')], true)).toThrow('would be written twice');
  checkOutputs([at('a.pem')], true);
});

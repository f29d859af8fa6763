import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { operatorProgram } from '../../../src/etcd/operatorProgram.ts';
import { sha256 } from '../../../src/model/digest.ts';
import type { ArtifactCache } from '../../../src/model/ports.ts';

const PROGRAM = '#!/bin/sh\necho works\n';
const home = mkdtempSync(join(tmpdir(), 'kbin-operator-'));
afterAll(() => rmSync(home, { recursive: true }));

let folder = '';
let opened = 0;
beforeEach(() => {
  folder = join(mkdtempSync(join(home, 'case-')), 'programs');
  opened = 0;
});

const cacheOf = (content = gzipSync(PROGRAM), arch = 'amd64'): ArtifactCache => ({
  list: async () => [],
  find: async (ref) =>
    ref.arch === arch && ref.version === 'v3.6.16' && ref.component === 'etcd' && ref.type === 'binary'
      ? { ...ref, sha256: sha256(PROGRAM), bytes: PROGRAM.length, compressedBytes: 1 }
      : undefined,
  openCompressed: async (_artifact, encoding) => {
    opened += 1;
    expect(encoding).toBe('gzip');
    return Readable.from([content]);
  },
});

const LINUX = { platform: 'linux', arch: 'x64' };
const ask = (
  cache = cacheOf(),
  changed: { version?: string; machine?: typeof LINUX } = {},
): Promise<string | undefined> =>
  operatorProgram(
    cache,
    { name: 'etcdutl', version: changed.version ?? 'v3.6.16' },
    { folder, machine: changed.machine ?? LINUX },
  );

const filesThere = (): string[] => readdirSync(folder);

test('it is unpacked once, for its owner only, and works', async () => {
  const path = await ask();
  expect(path).toBe(join(folder, `etcdutl-${sha256(PROGRAM)}`));
  expect(execFileSync(path!, { encoding: 'utf8' })).toBe('works\n');
  expect([statSync(path!).mode & 0o777, statSync(dirname(path!)).mode & 0o777]).toEqual([0o700, 0o700]);
  expect(await ask()).toBe(path);
  expect(opened).toBe(1);
});

test.each<[string, string | undefined, Parameters<typeof ask>[1]]>([
  ['another system', undefined, { machine: { platform: 'darwin', arch: 'x64' } }],
  ['another processor', undefined, { machine: { platform: 'linux', arch: 'riscv64' } }],
  ['a processor whose program is not in the cache', undefined, { machine: { platform: 'linux', arch: 'arm64' } }],
  ['a version that is not in the cache', undefined, { version: 'v3.5.24' }],
])('there is none for %s', async (_, expected, changed) => {
  expect(await ask(cacheOf(), changed)).toBe(expected);
});

test('many kbins at once find it whole', async () => {
  const paths = await Promise.all(Array.from({ length: 8 }, () => ask()));
  expect(new Set(paths).size).toBe(1);
  expect(readFileSync(paths[0]!, 'utf8')).toBe(PROGRAM);
  expect(filesThere()).toHaveLength(1);
});

test.each<[string, (path: string) => void]>([
  ['was changed', (path) => writeFileSync(path, '#!/bin/sh\necho other\n')],
  ['is half', (path) => writeFileSync(path, PROGRAM.slice(0, 5))],
  [
    'is a link to something else',
    (path) => {
      rmSync(path);
      symlinkSync('/bin/true', path);
    },
  ],
])('one that %s is not used', async (_, damage) => {
  const path = (await ask())!;
  damage(path);
  expect(await ask()).toBe(path);
  expect(execFileSync(path, { encoding: 'utf8' })).toBe('works\n');
  expect(opened).toBe(2);
});

test.each([
  ['of another content', gzipSync('other')],
  ['that is cut off', gzipSync(PROGRAM).subarray(0, -10)],
  ['that is no archive', Buffer.from('x')],
])('an object of the cache %s is refused, and nothing is left', async (_, content) => {
  await expect(ask(cacheOf(content))).rejects.toMatchObject({ code: 'CACHE', hint: 'Import it again.' });
  expect(filesThere()).toEqual([]);
});

test('a folder that cannot be made is told', async () => {
  writeFileSync(folder, '');
  await expect(ask()).rejects.toMatchObject({ name: 'LocalError' });
});

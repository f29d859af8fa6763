import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { elfOf } from '../../../src/cache/elf.ts';
import { importFolder, verifyStore } from '../../../src/cache/import.ts';
import { candidateAt } from '../../../src/cache/layout.ts';
import { CacheStore } from '../../../src/cache/store.ts';

let root: string;
let folder: string;
let store: CacheStore;

const elf = (machine: number, tail = ''): Buffer => {
  const header = Buffer.alloc(64);
  header.write('\x7fELF', 'latin1');
  header[5] = 1;
  header.writeUInt16LE(machine, 18);
  return Buffer.concat([header, Buffer.from(tail)]);
};
const AMD64 = 62;
const ARM64 = 183;

async function put(path: string, content: Buffer | string): Promise<string> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
  return file;
}

async function imageArchive(tag: string): Promise<Buffer> {
  const archive = pack();
  archive.entry({ name: 'manifest.json' }, JSON.stringify([{ Config: 'c', RepoTags: [tag], Layers: [] }]));
  archive.finalize();
  return buffer(archive);
}

const sha = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'kbin-cache-'));
  folder = join(root, 'folder');
  store = new CacheStore(join(root, 'cache'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

test('a binary goes in compressed under its sha256 and comes out as it was', async () => {
  const content = elf(AMD64, 'program');
  await put('bin/etcd/v3.6.8/amd64/etcd', content);
  const imported = await importFolder(store, folder, { replace: false });
  expect(imported.added).toMatchObject([
    { component: 'etcd', version: 'v3.6.8', arch: 'amd64', name: 'etcd', sha256: sha(content), bytes: content.length },
  ]);
  const [artifact] = await store.list();
  expect(gunzipSync(await buffer(await store.openCompressed(artifact!, 'gzip')))).toEqual(content);
});

test('importing the same folder again adds nothing', async () => {
  await put('bin/etcd/v3.6.8/amd64/etcd', elf(AMD64));
  await importFolder(store, folder, { replace: false });
  const again = await importFolder(store, folder, { replace: false });
  expect([again.added.length, again.present.length]).toEqual([0, 1]);
});

test('an image takes its reference from the archive', async () => {
  await put('images/pause/3.10.2/amd64.tar', await imageArchive('registry.k8s.io/pause:3.10.2'));
  const imported = await importFolder(store, folder, { replace: false });
  expect(imported.added).toMatchObject([{ type: 'image', name: 'registry.k8s.io/pause:3.10.2', arch: 'amd64' }]);
});

test('an image archive that is cut off is refused and named', async () => {
  const file = await put('images/pause/3.10.2/amd64.tar', await imageArchive('registry.k8s.io/pause:3.10.2'));
  await truncate(file, 700);
  await expect(importFolder(store, folder, { replace: false })).rejects.toMatchObject({
    code: 'CACHE',
    message: expect.stringContaining(file),
  });
  expect(await store.list()).toEqual([]);
});

test('a binary of another architecture than its folder says is refused', async () => {
  await put('bin/etcd/v3.6.8/amd64/etcd', elf(ARM64));
  await expect(importFolder(store, folder, { replace: false })).rejects.toMatchObject({
    code: 'CACHE',
    message: expect.stringContaining('is for arm64, but lies under amd64'),
  });
});

test('content that differs from the lock file is refused with both hashes, unless replaced', async () => {
  await put('bin/etcd/v3.6.8/amd64/etcd', elf(AMD64, 'one'));
  await importFolder(store, folder, { replace: false });
  const other = elf(AMD64, 'two');
  await put('bin/etcd/v3.6.8/amd64/etcd', other);
  await expect(importFolder(store, folder, { replace: false })).rejects.toMatchObject({
    code: 'CACHE',
    evidence: [
      expect.stringMatching(
        new RegExp(`etcd v3.6.8 amd64 etcd: locked ${sha(elf(AMD64, 'one'))}, given ${sha(other)}`),
      ),
    ],
  });
  await importFolder(store, folder, { replace: true });
  expect((await store.list())[0]?.sha256).toBe(sha(other));
});

test('files that are not laid out as artifacts are ignored and named', async () => {
  await put('bin/etcd/v3.6.8/amd64/etcd', elf(AMD64));
  await put('README', 'text');
  expect((await importFolder(store, folder, { replace: false })).ignored).toEqual(['README']);
});

test('a folder with nothing in it is refused', async () => {
  await mkdir(folder);
  await expect(importFolder(store, folder, { replace: false })).rejects.toMatchObject({ code: 'CACHE' });
});

test('verify finds one flipped bit and a missing object', async () => {
  await put('bin/etcd/v3.6.8/amd64/etcd', elf(AMD64, 'etcd'.repeat(1000)));
  await put('bin/etcd/v3.6.8/amd64/etcdctl', elf(AMD64, 'etcdctl'));
  await importFolder(store, folder, { replace: false });
  expect((await verifyStore(store)).damaged).toEqual([]);
  const [first, second] = await store.list();
  const file = store.objectFile(first!.sha256);
  const bytes = await readFile(file);
  const middle = Math.floor(bytes.length / 2);
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  await writeFile(file, bytes);
  await rm(store.objectFile(second!.sha256));
  expect((await verifyStore(store)).damaged.map(({ artifact }) => artifact.name).sort()).toEqual(['etcd', 'etcdctl']);
});

const hasZstd = spawnSync('zstd', ['--version']).status === 0;
(hasZstd ? test : test.skip)('the zstd form is made beside, and damage to it is found', async () => {
  const content = elf(AMD64, 'etcd'.repeat(1000));
  await put('bin/etcd/v3.6.8/amd64/etcd', content);
  await importFolder(store, folder, { replace: false });
  const [artifact] = await store.list();
  const sent = await buffer(await store.openCompressed(artifact!, 'zstd'));
  expect(spawnSync('zstd', ['-dc'], { input: sent }).stdout).toEqual(content);
  expect((await verifyStore(store)).damaged).toEqual([]);
  await truncate(store.objectFile(artifact!.sha256, 'zstd'), sent.length - 4);
  expect((await verifyStore(store)).damaged).toHaveLength(1);
});

test('an object that was cut off is refused before it is sent', async () => {
  await put('bin/etcd/v3.6.8/amd64/etcd', elf(AMD64));
  await importFolder(store, folder, { replace: false });
  const [artifact] = await store.list();
  await truncate(store.objectFile(artifact!.sha256), 10);
  await expect(store.openCompressed(artifact!, 'gzip')).rejects.toMatchObject({
    code: 'CACHE',
    message: expect.stringContaining('has 10 bytes'),
  });
});

test('a truncated lock file is an error, never an empty cache', async () => {
  await put('bin/etcd/v3.6.8/amd64/etcd', elf(AMD64));
  await importFolder(store, folder, { replace: false });
  await truncate(store.lockFile, 40);
  await expect(store.list()).rejects.toMatchObject({
    code: 'CACHE',
    message: expect.stringContaining('not a whole lock file'),
  });
});

test('ten imports at once lose no entry and leave no staged file', async () => {
  const folders = await Promise.all(
    Array.from({ length: 10 }, async (_, index) => {
      const own = join(root, `folder${index}`);
      folder = own;
      await put(`bin/etcd/v3.6.${index}/amd64/etcd`, elf(AMD64, String(index)));
      return own;
    }),
  );
  await Promise.all(folders.map((own) => importFolder(store, own, { replace: false })));
  expect(await store.list()).toHaveLength(10);
  const files = await readdir(store.root, { recursive: true });
  expect(files.filter((file) => file.includes('.part') || file.includes('.writer'))).toEqual([]);
});

test.each([
  ['bin/etcd/v3.6.8/amd64/etcd', 'binary'],
  ['images/coredns/v1.14.2/arm64.tar', 'image'],
  ['bin/unknown/v1/amd64/x', undefined],
  ['bin/etcd/v3.6.8/mips/etcd', undefined],
  ['bin/etcd/v3.6.8/amd64/deep/etcd', undefined],
  ['images/coredns/v1.14.2/arm64.zip', undefined],
])('%s is laid out as %s', (path, type) => {
  expect(candidateAt('/folder', path)?.type).toBe(type);
});

test('a script is no ELF file', () => {
  expect(elfOf(Buffer.from('#!/bin/sh\nexec something'))).toEqual({ isElf: false });
});

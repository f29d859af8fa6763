import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HostKeyStore } from '../../../src/ssh/hostKeyStore.ts';
import type { ShownKey } from '../../../src/ssh/hostKeyFault.ts';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'kbin-store-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const keyFor = (file: string, address: string, key = 'AAAA'): ShownKey => ({
  host: address,
  place: { address, port: 22 },
  shown: { type: 'ssh-ed25519', key, fingerprint: 'SHA256:x' },
  file,
});

test('a file that is not there holds no keys, and is made with its folder on the first one', async () => {
  const file = join(folder, 'new', 'known_hosts');
  const store = new HostKeyStore();
  expect(await store.entries([file])).toEqual([]);
  await store.accept([file], keyFor(file, 'a'));
  expect(readFileSync(file, 'utf8')).toBe('a ssh-ed25519 AAAA\n');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(join(folder, 'new')).mode & 0o777).toBe(0o700);
  expect(await store.entries([file])).toMatchObject([{ names: 'a', line: 1 }]);
});

test('several stores that write at once lose no line and leave no lock', async () => {
  const file = join(folder, 'known_hosts');
  writeFileSync(file, 'old ssh-rsa AAAB');
  const names = Array.from({ length: 12 }, (_, index) => `host-${index}`);
  await Promise.all(names.map((name) => new HostKeyStore().accept([file], keyFor(file, name))));
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  expect(lines.sort()).toEqual([...names.map((name) => `${name} ssh-ed25519 AAAA`), 'old ssh-rsa AAAB'].sort());
  expect(readdirSync(folder)).toEqual(['known_hosts']);
});

test('a key that another process filed meanwhile is not written twice, a different one is refused', async () => {
  const file = join(folder, 'known_hosts');
  const store = new HostKeyStore();
  expect(await store.entries([file])).toEqual([]);
  writeFileSync(file, 'a ssh-ed25519 AAAA\n');
  await store.accept([file], keyFor(file, 'a'));
  expect(readFileSync(file, 'utf8')).toBe('a ssh-ed25519 AAAA\n');
  await expect(store.accept([file], keyFor(file, 'a', 'BBBB'))).rejects.toMatchObject({ code: 'HOST_KEY' });
});

test('the lock of a dead process does not hold for ever', async () => {
  const file = join(folder, 'known_hosts');
  const lock = `${file}.kbin-lock`;
  writeFileSync(lock, '');
  const old = Date.now() / 1000 - 60;
  utimesSync(lock, old, old);
  await new HostKeyStore().accept([file], keyFor(file, 'a'));
  expect(readdirSync(folder)).toEqual(['known_hosts']);
});

test('a file that cannot be written to is said so, with the line to add', async () => {
  const file = join(folder, 'not-a-folder', 'known_hosts');
  writeFileSync(join(folder, 'not-a-folder'), '');
  const accepted = new HostKeyStore().accept([file], keyFor(file, 'a'));
  await expect(accepted).rejects.toMatchObject({ code: 'HOST_KEY', evidence: ['a ssh-ed25519 AAAA'] });
});

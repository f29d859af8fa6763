import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { KbinError } from '../../../src/errors.ts';
import { loadInventory } from '../../../src/inventory/load.ts';
import { sha256 } from '../../../src/model/digest.ts';
import { HEAD, HOSTS, VERSIONS } from './inventories.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kbin-inventory-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function written(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function failureOf(file: string): Promise<KbinError> {
  const failure: unknown = await loadInventory(file).catch((error: unknown) => error);
  if (failure instanceof KbinError) return failure;
  throw new Error(`${file} was no failure`);
}

test('a sound file is loaded from a relative path, with its absolute path and the digest of its bytes', async () => {
  const text = `\uFEFF${HEAD}${VERSIONS}${HOSTS}`;
  const path = written('prod.yaml', text);
  const inventory = await loadInventory(relative(process.cwd(), path));
  expect(inventory.file).toBe(path);
  expect(inventory.digest).toBe(sha256(Buffer.from(text)));
});

test('faults are all told at once, with the name of the file as it was given', async () => {
  const path = written('prod.yaml', `${HEAD}${VERSIONS}apiPort: 0\nnetwrok: {}\n${HOSTS}`);
  const failure = await failureOf(path);
  expect(failure.code).toBe('INVENTORY');
  expect(failure.exitCode).toBe(3);
  expect(failure.message).toBe(`2 faults in ${path}`);
  expect(failure.evidence).toEqual([
    `${path}:5:10 apiPort: 0 is not a port. Write a whole number from 1 to 65535.`,
    `${path}:6:1 netwrok: unknown key. Did you mean network?`,
  ]);
});

test('one fault is one fault', async () => {
  const path = written('prod.yaml', `${HEAD}${VERSIONS}apiPort: 0\n${HOSTS}`);
  expect((await failureOf(path)).message).toBe(`1 fault in ${path}`);
});

test('secrets are read from files beside the inventory, without the line break at their end', async () => {
  written('password', 'p4ss word \n');
  const path = written('prod.yaml', `${HEAD}${VERSIONS}ssh: { passwordFile: password }\n${HOSTS}`);
  const inventory = await loadInventory(path);
  expect(inventory.hosts[0]?.ssh.password?.reveal()).toBe('p4ss word ');
});

test('a secret file that is missing or empty is a fault at its place', async () => {
  written('empty', '\n');
  const path = written(
    'prod.yaml',
    `${HEAD}${VERSIONS}ssh: { passwordFile: missing, become: { passwordFile: empty } }\n${HOSTS}`,
  );
  expect((await failureOf(path)).evidence).toEqual([
    `${path}:5:22 ssh.passwordFile: the file ${folder}/missing cannot be read: there is no such file. Write the secret into that file, or name another one.`,
    `${path}:5:55 ssh.become.passwordFile: the file ${folder}/empty is empty. Write the secret into that file, or name another one.`,
  ]);
});

test('a file that is missing, a folder, and bytes that are no text are told as such', async () => {
  expect((await failureOf(join(folder, 'none.yaml'))).message).toContain('there is no such file');
  expect((await failureOf(folder)).message).toContain('it is a directory');
  const path = written('latin.yaml', Buffer.from([0x6e, 0x3a, 0x20, 0xe9]));
  expect((await failureOf(path)).message).toBe(`${path} is not UTF-8 text`);
});

import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import * as realFs from 'node:fs';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { answering, newKeys, passphrase, ROOTS, SPECS } from './lockSamples.ts';
import { leaf, leaveDead, NOW, temporaryDirectory } from './samples.ts';

/** How many changes of the disk still succeed; the process is dead from then on. */
let changesLeft = Infinity;

const mortal =
  <Args extends unknown[]>(change: (...args: Args) => void, half?: (...args: Args) => void) =>
  (...args: Args): void => {
    changesLeft -= 1;
    if (changesLeft === -1) half?.(...args);
    if (changesLeft < 0) throw new Error('killed');
    change(...args);
  };

jest.unstable_mockModule('node:fs', () => ({
  ...realFs,
  mkdirSync: mortal(realFs.mkdirSync),
  renameSync: mortal(realFs.renameSync),
  linkSync: mortal(realFs.linkSync),
  rmSync: mortal(realFs.rmSync),
  rmdirSync: mortal(realFs.rmdirSync),
  writeFileSync: mortal(realFs.writeFileSync, (path, body: string, options) =>
    realFs.writeFileSync(path, body.slice(0, body.length / 2), options),
  ),
}));
const { openPkiStore } = await import('../../../src/pki/store.ts');
const { lockStore, rekeyStore, unlockStore } = await import('../../../src/pki/locking.ts');
const { readLock } = await import('../../../src/pki/lock.ts');

const base = temporaryDirectory();
let stores = 0;
const emptyDirectory = (): string => join(base, `pki-${(stores += 1)}`);

/** Runs the work once for every change of the disk that it makes, killed at that change, and checks what is left. */
async function killedEverywhere(
  from: string,
  work: (directory: string) => Promise<unknown>,
  check: (directory: string) => Promise<string>,
): Promise<Set<string>> {
  const outcomes = new Set<string>();
  for (let after = 0; ; after += 1) {
    const directory = emptyDirectory();
    cpSync(from, directory, { recursive: true });
    changesLeft = after;
    const isKilled = await work(directory).then(
      () => false,
      (error: unknown) => String(error) === 'Error: killed',
    );
    changesLeft = Infinity;
    leaveDead(`${directory}.lock`);
    outcomes.add(await check(directory));
    if (!isKilled) return outcomes;
  }
}

/** How every key is kept, after the next run had a look; throws when they differ, or one is missing. */
async function stateOf(directory: string): Promise<string> {
  // At no moment, also before the next run has a look, is a key nowhere.
  for (const name of ROOTS) {
    const pending = existsSync(join(directory, '.pending'));
    expect(pending || ['key', 'key.age'].some((end) => existsSync(join(directory, `${name}.${end}`)))).toBe(true);
  }
  await openPkiStore(directory).list();
  const here = readdirSync(directory);
  const ends = ROOTS.map((name) => here.filter((file) => new RegExp(`^${name}\\.key(\\.age)?$`).test(file)).join());
  const isLocked = readLock(directory) !== null;
  expect(ends).toEqual(ROOTS.map((name) => `${name}.key${isLocked ? '.age' : ''}`));
  expect(here.filter((file) => file.startsWith('.pending'))).toEqual([]);
  return isLocked ? 'locked' : 'readable';
}

async function filledStore(): Promise<string> {
  const directory = emptyDirectory();
  await openPkiStore(directory).issueAll(SPECS, NOW);
  return directory;
}

test('killed at any change while it locks or unlocks, all keys are locked or all are readable, and they sign', async () => {
  const [from, { audience, identity }] = [await filledStore(), passphrase('right')];
  const key = readFileSync(join(from, 'ca.key'), 'utf8');
  const signs = async (directory: string): Promise<string> => {
    const state = await stateOf(directory);
    await openPkiStore(directory, { unlock: answering(identity) }).issue(leaf(), NOW);
    if (state === 'readable') expect(readFileSync(join(directory, 'ca.key'), 'utf8')).toBe(key);
    return state;
  };
  const locking = await killedEverywhere(from, (directory) => lockStore(directory, audience), signs);
  expect([...locking]).toEqual(['readable', 'locked']);
  await lockStore(from, audience);
  const unlocking = await killedEverywhere(from, (directory) => unlockStore(directory, answering(identity)), signs);
  expect([...unlocking]).toEqual(['locked', 'readable']);
});

test('killed at any change while it is locked for others, the old ones open all keys or the new ones do', async () => {
  const [from, old, next] = [await filledStore(), passphrase('old'), await newKeys()];
  await lockStore(from, old.audience);
  const owner = async (directory: string): Promise<string> => {
    expect(await stateOf(directory)).toBe('locked');
    const isOld = readLock(directory)?.hasPassphrase === true;
    const { identity } = isOld ? old : next;
    expect(await unlockStore(directory, answering(identity))).toHaveLength(ROOTS.length);
    return isOld ? 'old' : 'new';
  };
  const rekey = (directory: string) => rekeyStore(directory, answering(old.identity), next.audience);
  expect([...(await killedEverywhere(from, rekey, owner))]).toEqual(['old', 'new']);
});

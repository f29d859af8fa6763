import { cpSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync, utimesSync } from 'node:fs';
import * as realFs from 'node:fs';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { ENCRYPTION, type Encryption } from '../../../src/model/encryption.ts';
import type { StoredCertificate } from '../../../src/model/pki.ts';
import type { Pki } from '../../../src/model/ports.ts';
import { authority, leaf, leaveDead, NOW, temporaryDirectory } from './samples.ts';

/** How many changes of the disk still succeed; the process is dead from then on. */
let changesLeft = Infinity;

/** What another process does just before a file is linked. */
let beforeLink: ((to: string) => void) | undefined;

/** A change that the kill may hit: it does not happen, or for a write only half of it does. */
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
  linkSync: mortal((from: string, to: string) => {
    beforeLink?.(to);
    realFs.linkSync(from, to);
  }),
  rmSync: mortal(realFs.rmSync),
  rmdirSync: mortal(realFs.rmdirSync),
  writeFileSync: mortal(realFs.writeFileSync, (path, body: string, options) =>
    realFs.writeFileSync(path, body.slice(0, body.length / 2), options),
  ),
}));
const { openPkiStore } = await import('../../../src/pki/store.ts');

const base = temporaryDirectory();
let stores = 0;
const emptyDirectory = (): string => join(base, `pki-${(stores += 1)}`);
const SPECS = [authority(), leaf(), leaf({ name: 'kubelet@worker-1' })];
const RENEWED = SPECS.filter((spec) => !spec.isAuthority);
const serials = (stored: Record<string, StoredCertificate>): string[] =>
  Object.values(stored)
    .map(({ serial }) => serial)
    .sort();

/** Runs the work once for every change of the disk that it makes, killed at that change. */
async function killedEverywhere(
  work: (directory: string) => Promise<unknown>,
  check: (directory: string) => Promise<void>,
  from?: string,
) {
  for (let after = 0; ; after += 1) {
    const directory = emptyDirectory();
    if (from !== undefined) cpSync(from, directory, { recursive: true });
    changesLeft = after;
    const isKilled = await work(directory).then(
      () => false,
      (error: unknown) => String(error) === 'Error: killed',
    );
    changesLeft = Infinity;
    leaveDead(`${directory}.lock`);
    await check(directory);
    if (!isKilled) return after;
  }
}

test('killed at any change of the first issue, the store is empty or complete, and the next run finishes', async () => {
  let complete = 0;
  const runs = await killedEverywhere(
    (directory) => openPkiStore(directory).issueAll(SPECS, NOW),
    async (directory) => {
      const store = openPkiStore(directory);
      const found = Object.keys(await store.list()).length;
      expect([0, SPECS.length]).toContain(found);
      if (found > 0) complete += 1;
      else await store.issueAll(SPECS, NOW);
      expect(Object.keys(await store.list())).toHaveLength(SPECS.length);
      expect(existsSync(join(directory, '.pending'))).toBe(false);
    },
  );
  // Kills on both sides of the commit, or this shows nothing.
  expect(complete).toBeGreaterThan(5);
  expect(runs - complete).toBeGreaterThan(5);
});

test('killed at any change of a renewal, all certificates are the old ones or all are the new ones', async () => {
  const from = emptyDirectory();
  const old = serials(
    Object.fromEntries((await openPkiStore(from).issueAll(SPECS, NOW)).map((one) => [one.name, one])),
  );
  const outcomes = new Set<number>();
  await killedEverywhere(
    (directory) => openPkiStore(directory).issueAll(RENEWED, NOW),
    async (directory) => {
      const kept = serials(await openPkiStore(directory).list()).filter((serial) => old.includes(serial)).length;
      expect([SPECS.length, SPECS.length - RENEWED.length]).toContain(kept);
      outcomes.add(kept);
    },
    from,
  );
  expect(outcomes.size).toBe(2);
});

test('killed at any change of a step of a rotation, the step is done or not begun, and its repetition finishes it', async () => {
  const from = emptyDirectory();
  await openPkiStore(from).issueAll(SPECS, NOW);
  const next = { name: 'ca', authorities: [authority()], keyPairs: [] };
  const steps = [
    { stage: 'trust', move: (store: Pki) => store.begin(next, NOW), names: ['ca', 'ca-next'] },
    { stage: 'sign', move: (store: Pki) => store.promote('ca'), names: ['ca', 'ca-old'] },
    { stage: 'untrust', move: (store: Pki) => store.distrust('ca'), names: ['ca'] },
  ];
  let before: { stage: string | undefined; names: string[] } = { stage: undefined, names: ['ca'] };
  for (const { stage, move, names } of steps) {
    const outcomes = new Set<string | undefined>();
    const earlier = before;
    await killedEverywhere(
      (directory) => move(openPkiStore(directory)),
      async (directory) => {
        const store = openPkiStore(directory);
        const authorities = async (): Promise<string[]> =>
          Object.keys(await store.list()).filter((name) => name.startsWith('ca'));
        const found = await authorities();
        const [rotation] = await store.rotations();
        outcomes.add(rotation?.stage);
        expect(found.sort()).toEqual(rotation?.stage === stage ? names : earlier.names);
        if (rotation?.stage !== stage) await move(store);
        expect((await authorities()).sort()).toEqual(names);
      },
      from,
    );
    expect([...outcomes]).toEqual([earlier.stage, stage]);
    await move(openPkiStore(from));
    before = { stage, names };
  }
});

test('killed at any change of a step with an encryption key, the step is done or not begun, and no key is lost', async () => {
  const from = emptyDirectory();
  const encryption: Encryption = { provider: 'secretbox', resources: ['secrets'] };
  const next = { name: ENCRYPTION, authorities: [], keyPairs: [], encryption };
  const steps = [
    { move: (store: Pki) => store.issueEncryption(encryption, NOW), generations: ['current'] },
    { move: (store: Pki) => store.begin(next, NOW + 1000), generations: ['current', 'next'] },
    { move: (store: Pki) => store.promote(ENCRYPTION), generations: ['current', 'old'] },
    { move: (store: Pki) => store.distrust(ENCRYPTION), generations: ['current'] },
  ];
  await openPkiStore(from).issueAll(SPECS, NOW);
  const stateOf = async (store: Pki): Promise<unknown> => [await store.encryption(), await store.rotations()];
  for (const { move, generations } of steps) {
    const before = JSON.stringify(await stateOf(openPkiStore(from)));
    const outcomes = new Set<boolean>();
    await killedEverywhere(
      (directory) => move(openPkiStore(directory)),
      async (directory) => {
        const store = openPkiStore(directory);
        const isBegun = JSON.stringify(await stateOf(store)) !== before;
        outcomes.add(isBegun);
        if (!isBegun) await move(store);
        expect(Object.keys((await store.encryption()) ?? {})).toEqual(generations);
        const document = (await store.read({ certificate: ENCRYPTION, part: 'key' })).reveal();
        expect(document.match(/secret: /g)).toHaveLength(generations.length);
      },
      from,
    );
    expect(outcomes.size).toBe(2);
    await move(openPkiStore(from));
  }
});

test('killed again and again while it finishes, it still finishes', async () => {
  const directory = emptyDirectory();
  // Far enough for the commit, not for all places.
  changesLeft = 13;
  await expect(openPkiStore(directory).issueAll(SPECS, NOW)).rejects.toThrow('killed');
  changesLeft = Infinity;
  expect(existsSync(join(directory, '.pending'))).toBe(true);
  for (let kills = 0; existsSync(join(directory, '.pending')) && kills < 50; kills += 1) {
    changesLeft = 1;
    await openPkiStore(directory)
      .list()
      .catch(() => undefined);
    changesLeft = Infinity;
  }
  expect(Object.keys(await openPkiStore(directory).list())).toHaveLength(SPECS.length);
});

test('two stores on one directory make one authority, and the other is told', async () => {
  const directory = emptyDirectory();
  const results = await Promise.allSettled(
    [1, 2, 3].map(() => openPkiStore(directory).issueAll([authority(), leaf()], NOW)),
  );
  expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
  for (const result of results) if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'PKI' });
  expect(Object.keys(await openPkiStore(directory).list())).toEqual(['ca', leaf().name]);
  expect(readdirSync(directory).filter((name) => name.startsWith('.'))).toEqual([]);
});

test('many stores on one directory issue at the same time, and every pair belongs together', async () => {
  const directory = emptyDirectory();
  await openPkiStore(directory).issue(authority(), NOW);
  const names = ['kubelet@a', 'kubelet@b', 'kubelet@a', 'kubelet-serving@a', 'kubelet@a'];
  await Promise.all(names.map((name) => openPkiStore(directory).issue(leaf({ name }), NOW)));
  expect(Object.keys(await openPkiStore(directory).list()).sort()).toEqual(['ca', ...new Set(names)].sort());
});

test('an authority that came between commit and place is kept, and what would replace it is dropped', async () => {
  const [directory, other] = [emptyDirectory(), emptyDirectory()];
  await openPkiStore(other).issue(authority(), NOW);
  changesLeft = 12;
  await expect(openPkiStore(directory).issueAll(SPECS, NOW)).rejects.toThrow('killed');
  changesLeft = Infinity;
  leaveDead(`${directory}.lock`);
  expect(readdirSync(directory)).toEqual(['.pending']);
  for (const file of ['ca.crt', 'ca.key']) linkSync(join(other, file), join(directory, file));
  const kept = readFileSync(join(directory, 'ca.crt'), 'utf8');
  expect(Object.keys(await openPkiStore(directory).list())).toEqual(['ca']);
  expect(readFileSync(join(directory, 'ca.crt'), 'utf8')).toBe(kept);
  await openPkiStore(directory).issue(leaf(), NOW);
});

test('an authority that comes at the very moment of placing is kept too', async () => {
  const directory = emptyDirectory();
  beforeLink = (to) => realFs.writeFileSync(to, 'of another process', { mode: 0o600 });
  const attempt = openPkiStore(directory).issue(authority(), NOW);
  await expect(attempt).rejects.toMatchObject({ code: 'PKI' });
  beforeLink = undefined;
  for (const file of ['ca.crt', 'ca.key'])
    expect(readFileSync(join(directory, file), 'utf8')).toBe('of another process');
});

test('what a run killed before its commit left is removed after an hour, not sooner', async () => {
  const directory = emptyDirectory();
  await openPkiStore(directory).issue(authority(), NOW);
  const hour = 3600;
  for (const [name, age] of [
    ['.new-old', 2 * hour],
    ['.new-young', 0.5 * hour],
  ] as const) {
    mkdirSync(join(directory, name));
    const seconds = Date.now() / 1000 - age;
    utimesSync(join(directory, name), seconds, seconds);
  }
  await openPkiStore(directory).issue(leaf(), NOW);
  expect(readdirSync(directory).filter((name) => name.startsWith('.'))).toEqual(['.new-young']);
});

import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import * as realFs from 'node:fs';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { ABOUT, contents, opened, placesIn } from './backupSamples.ts';
import { newKeys } from './lockSamples.ts';
import { authority, leaf, leaveDead, NOW, temporaryDirectory } from './samples.ts';

/** How many changes of the disk still succeed; the process is dead from then on. */
let changesLeft = Infinity;

const mortal =
  <Args extends unknown[]>(change: (...args: Args) => void) =>
  (...args: Args): void => {
    changesLeft -= 1;
    if (changesLeft < 0) throw new Error('killed');
    change(...args);
  };

/** What another process does just before a file is read. */
let beforeRead: ((path: string) => void) | undefined;

jest.unstable_mockModule('node:fs', () => ({
  ...realFs,
  mkdirSync: mortal(realFs.mkdirSync),
  renameSync: mortal(realFs.renameSync),
  linkSync: mortal(realFs.linkSync),
  rmSync: mortal(realFs.rmSync),
  rmdirSync: mortal(realFs.rmdirSync),
  utimesSync: mortal(realFs.utimesSync),
  writeFileSync: mortal(realFs.writeFileSync),
  readFileSync: (path: string, options: BufferEncoding) => {
    beforeRead?.(path);
    return realFs.readFileSync(path, options);
  },
}));
const { openPkiStore } = await import('../../../src/pki/store.ts');
const { backUp } = await import('../../../src/pki/backup.ts');
const { restore } = await import('../../../src/pki/restore.ts');

const base = temporaryDirectory();

test('killed at any change, the store is the old one, the new one or none, and the next run restores it', async () => {
  const from = join(base, 'from');
  mkdirSync(from);
  await openPkiStore(placesIn(from).pki).issueAll([authority(), leaf()], NOW);
  writeFileSync(placesIn(from).ledger, '{"version":1,"kubeconfigs":[]}', { mode: 0o600 });
  const { audience, identity } = await newKeys();
  const backup = await opened((await backUp(placesIn(from), ABOUT, audience)).bytes, identity);
  const wanted = contents(from);
  const old = join(base, 'old');
  mkdirSync(old);
  await openPkiStore(placesIn(old).pki).issueAll([authority(), leaf()], NOW);
  const states = new Set<string>();
  for (let after = 0; ; after += 1) {
    const folder = join(base, `killed-${after}`);
    cpSync(old, folder, { recursive: true });
    changesLeft = after;
    const options = { isForced: true, now: NOW };
    const isKilled = await restore(backup, placesIn(folder), options).then(
      () => false,
      (error: unknown) => String(error) === 'Error: killed',
    );
    changesLeft = Infinity;
    leaveDead(`${placesIn(folder).pki}.lock`);
    const { pki } = placesIn(folder);
    const asides = readdirSync(folder).filter((name) => name.startsWith('pki.before-'));
    const state = !existsSync(pki) ? 'none' : contents(pki)['ca.key'] === wanted['pki/ca.key'] ? 'new' : 'old';
    states.add(state);
    // What was there is never gone, and what is there is whole.
    if (state !== 'old') expect(contents(join(folder, asides[0]!))).toEqual(contents(placesIn(old).pki));
    if (state !== 'none') expect(Object.keys(await openPkiStore(pki).list())).toHaveLength(2);
    await restore(backup, placesIn(folder), { isForced: true, now: NOW + 1000 });
    const now = contents(folder);
    for (const path of Object.keys(now)) if (/before-|\.restore-/.test(path)) Reflect.deleteProperty(now, path);
    expect(now).toEqual(wanted);
    if (!isKilled) break;
  }
  expect([...states]).toEqual(['old', 'none', 'new']);
});

test('a pair that another process replaces meanwhile is backed up as it was or as it is, never half', async () => {
  const folder = join(base, 'written');
  const { pki } = placesIn(folder);
  mkdirSync(folder);
  await openPkiStore(pki).issueAll([authority(), leaf()], NOW);
  const own = join(pki, 'hosts/worker-1');
  const other = join(base, 'renewed');
  cpSync(pki, other, { recursive: true });
  await openPkiStore(other).issue(leaf(), NOW);
  const { audience, identity } = await newKeys();
  let reads = 0;
  // The list reads every key once; then comes the backup itself, certificates before keys.
  beforeRead = (path) => {
    if (path !== join(own, 'kubelet-serving.key') || (reads += 1) !== 2) return;
    for (const end of ['crt', 'key']) {
      const [from, staged] = [join(other, `hosts/worker-1/kubelet-serving.${end}`), join(base, end)];
      cpSync(from, staged);
      renameSync(staged, join(own, `kubelet-serving.${end}`));
    }
  };
  const { bytes } = await backUp(placesIn(folder), ABOUT, audience);
  beforeRead = undefined;
  expect(reads).toBeGreaterThan(2);
  const target = join(base, 'target');
  await restore(await opened(bytes, identity), placesIn(target), { isForced: false, now: NOW });
  expect(contents(placesIn(target).pki)).toEqual(contents(pki));
});

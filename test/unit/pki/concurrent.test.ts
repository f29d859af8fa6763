import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { NextGeneration, Pki } from '../../../src/model/ports.ts';
import { backUp } from '../../../src/pki/backup.ts';
import type { Unlock } from '../../../src/pki/lock.ts';
import { lockStore, rekeyStore, unlockStore } from '../../../src/pki/locking.ts';
import { restore } from '../../../src/pki/restore.ts';
import { openPkiStore } from '../../../src/pki/store.ts';
import { ABOUT, opened, placesIn } from './backupSamples.ts';
import { answering, newKeys, passphrase, SIGNER, SPECS } from './lockSamples.ts';
import { authority, leaf, NOW, temporaryDirectory } from './samples.ts';

/** Stores of one directory, as two commands at the same time have them. */

const base = temporaryDirectory();
let stores = 0;
const emptyDirectory = (): string => join(base, `pki-${(stores += 1)}`);

async function filledStore(): Promise<string> {
  const directory = emptyDirectory();
  await openPkiStore(directory).issueAll(SPECS, NOW);
  return directory;
}

const files = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((path) =>
    statSync(join(directory, path)).isFile(),
  );
const readableRoots = (directory: string): string[] =>
  files(directory).filter((path) => /^(etcd-|front-proxy-)?ca(-next|-old)?\.key$/.test(path));
const CA: NextGeneration = { name: 'ca', authorities: [authority(), SIGNER], keyPairs: [] };
const ETCD: NextGeneration = {
  name: 'etcd-ca',
  authorities: [authority({ name: 'etcd-ca', commonName: 'etcd-ca', dnsNames: [] })],
  keyPairs: [],
};

/** How long what must wait is watched not to go on. */
const WATCHED_MILLISECONDS = 500;

/** Answers once another command, started at this moment, has gone as far as it can. */
function meanwhile(answer: Unlock, start: () => Promise<unknown>): { unlock: Unlock; started: () => Promise<unknown> } {
  let started: Promise<unknown> | undefined;
  return {
    unlock: async (lock) => {
      started ??= start();
      await Promise.race([started, pause(WATCHED_MILLISECONDS)]);
      return answer(lock);
    },
    started: async () => started,
  };
}

const signs = (store: Pki, generation: 'current' | 'next'): Promise<unknown> =>
  store.probeIdentity({ authority: 'ca', generation, commonName: 'probe' }, NOW);

test('an authority that is made while the store is locked is locked', async () => {
  const directory = emptyDirectory();
  const { audience, identity } = await newKeys();
  // A key of RSA takes longer than all of the locking.
  await Promise.all([
    openPkiStore(directory).issue(authority({ algorithm: 'RSA-3072' }), NOW),
    lockStore(directory, audience),
  ]);
  expect(readableRoots(directory)).toEqual([]);
  await openPkiStore(directory, { unlock: answering(identity) }).issue(leaf(), NOW);
});

test('an authority that is made while the store is locked for others is locked for them', async () => {
  const directory = await filledStore();
  const [own, next] = [passphrase('right'), await newKeys()];
  await lockStore(directory, own.audience);
  const beginning = meanwhile(answering(own.identity), () => openPkiStore(directory).begin(CA, NOW));
  await rekeyStore(directory, beginning.unlock, next.audience);
  await beginning.started();
  await signs(openPkiStore(directory, { unlock: answering(next.identity) }), 'next');
  await unlockStore(directory, answering(next.identity));
  expect(readableRoots(directory)).toHaveLength(4);
});

test('an authority that is made while the store is unlocked is readable', async () => {
  const directory = await filledStore();
  const own = passphrase('right');
  await lockStore(directory, own.audience);
  const beginning = meanwhile(answering(own.identity), () => openPkiStore(directory).begin(CA, NOW));
  await unlockStore(directory, beginning.unlock);
  await beginning.started();
  await signs(openPkiStore(directory), 'next');
  expect(readableRoots(directory)).toHaveLength(4);
});

test('of two that lock a store for different people one does, and the other is told', async () => {
  const directory = await filledStore();
  const all = [passphrase('one'), passphrase('two')];
  const done = await Promise.allSettled(all.map(({ audience }) => lockStore(directory, audience)));
  expect(done.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  const failed = done.find((one) => one.status === 'rejected');
  expect(failed?.reason).toMatchObject({ code: 'PKI', message: expect.stringContaining('are locked already') });
  const winner = all[done.findIndex(({ status }) => status === 'fulfilled')]!;
  await unlockStore(directory, answering(winner.identity));
});

test('two rotations that are begun at once are both remembered', async () => {
  const directory = await filledStore();
  await Promise.all([CA, ETCD].map((next) => openPkiStore(directory).begin(next, NOW)));
  const rotations = await openPkiStore(directory).rotations();
  expect(rotations.map(({ name }) => name).sort()).toEqual(['ca', 'etcd-ca']);
});

test('what is issued while a backup is restored is signed by an authority of the store that it comes into', async () => {
  const folders = [join(base, 'from'), join(base, 'to')];
  for (const folder of folders) {
    mkdirSync(folder);
    await openPkiStore(placesIn(folder).pki).issueAll(SPECS, NOW);
  }
  const [from, to] = folders.map(placesIn);
  const { audience, identity } = await newKeys();
  const backup = await opened((await backUp(from!, ABOUT, audience)).bytes, identity);
  await lockStore(to!.pki, audience);
  const restoring = meanwhile(answering(identity), () => restore(backup, to!, { isForced: true, now: NOW }));
  await openPkiStore(to!.pki, { unlock: restoring.unlock }).issue(leaf(), NOW);
  await restoring.started();
  const { ca, [leaf().name]: issued } = await openPkiStore(to!.pki).list();
  expect(issued?.issuerKeyId).toBe(ca?.keyId);
});

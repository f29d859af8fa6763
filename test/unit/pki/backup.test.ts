import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { backUp, type BackupPlaces } from '../../../src/pki/backup.ts';
import { encryptBytes } from '../../../src/pki/age.ts';
import { readBackup } from '../../../src/pki/backupFormat.ts';
import { lockStore } from '../../../src/pki/locking.ts';
import { restore } from '../../../src/pki/restore.ts';
import { openPkiStore } from '../../../src/pki/store.ts';
import { ABOUT, archiveOf, contents, forged, opened, placesIn } from './backupSamples.ts';
import { answering, newKeys, passphrase, SIGNER, SPECS } from './lockSamples.ts';
import { authority, DAY, leaf, NOW, temporaryDirectory } from './samples.ts';

const base = temporaryDirectory();
let clusters = 0;
const emptyCluster = (): { folder: string; places: BackupPlaces } => {
  const folder = join(base, `cluster-${(clusters += 1)}`);
  mkdirSync(folder);
  return { folder, places: placesIn(folder) };
};

const LEDGER = `${JSON.stringify({ version: 1, kubeconfigs: [] })}\n`;
const WANTED = { provider: 'secretbox' as const, resources: ['secrets'] };
const later = (path: string, milliseconds: number): void => utimesSync(path, milliseconds / 1000, milliseconds / 1000);

/** A store with everything that one can have; all of it older than NOW. */
async function filledCluster() {
  const { folder, places } = emptyCluster();
  const store = openPkiStore(places.pki);
  await store.issueAll(SPECS, NOW);
  await store.issueKeyPair({ name: 'sa', algorithm: 'ECDSA-P256' });
  await store.issueEncryption(WANTED, NOW);
  await store.begin({ name: 'ca', authorities: [authority(), SIGNER], keyPairs: [] }, NOW);
  await store.promote('ca');
  await store.distrust('ca');
  writeFileSync(places.ledger, LEDGER, { mode: 0o600 });
  for (const path of Object.keys(contents(folder))) later(join(folder, path), NOW - DAY);
  return { folder, places };
}

const FRESH = { isForced: false, now: NOW };

test('a store comes back as it was, on a machine that has nothing of it', async () => {
  const { folder, places } = await filledCluster();
  const { audience, identity } = passphrase('right');
  const { bytes, clusterId, files } = await backUp(places, ABOUT, audience);
  expect(files).toBe(Object.keys(contents(folder)).length);
  const target = emptyCluster();
  const backup = await opened(bytes, identity);
  expect(backup).toMatchObject({ cluster: 'prod', clusterId, madeAt: new Date(NOW).toISOString(), kbin: '0.1.0' });
  const restored = await restore(backup, target.places, FRESH);
  expect(restored).toMatchObject({ aside: [], isUnchanged: false, isLocked: false });
  expect(contents(target.folder)).toEqual(contents(folder));
  for (const path of Object.keys(contents(target.folder))) {
    const { mode, mtimeMs } = statSync(join(target.folder, path));
    expect([path, mode & 0o777, mtimeMs]).toEqual([path, 0o600, NOW - DAY]);
  }
  for (const path of ['', 'hosts', 'hosts/worker-1', 'retired']) {
    expect(statSync(join(target.places.pki, path)).mode & 0o777).toBe(0o700);
  }
  const store = openPkiStore(target.places.pki);
  expect(await store.list()).toEqual(await openPkiStore(places.pki).list());
  expect(await store.rotations()).toHaveLength(1);
  await store.issue(leaf(), NOW);
  expect(readdirSync(target.folder).sort()).toEqual(['kubeconfigs.json', 'pki']);
});

test('locked keys stay locked in it', async () => {
  const { places } = await filledCluster();
  const [store, file] = [await newKeys(), await newKeys()];
  await lockStore(places.pki, store.audience);
  const { bytes } = await backUp(places, ABOUT, file.audience);
  const archive = await archiveOf(bytes, file.identity);
  expect(archive.toString('latin1')).toContain('pki/ca.key.age');
  const target = emptyCluster();
  expect(await restore(await opened(bytes, file.identity), target.places, FRESH)).toMatchObject({ isLocked: true });
  const unlock = answering(store.identity);
  await openPkiStore(target.places.pki, { unlock }).issue(leaf(), NOW);
  expect(unlock.asked()).toBe(1);
});

test('it is an archive for tar, once age opened it; what is hidden in the store is not in it', async () => {
  const { folder, places } = await filledCluster();
  writeFileSync(join(places.pki, '.DS_Store'), 'x');
  const { audience, identity } = await newKeys();
  const { bytes } = await backUp(places, ABOUT, audience);
  const listed = execFileSync('tar', ['-t'], { input: await archiveOf(bytes, identity), encoding: 'utf8' });
  const expected = Object.keys(contents(folder)).filter((path) => !path.includes('.DS_Store'));
  expect(listed.trim().split('\n').sort()).toEqual([...expected, 'backup.json'].sort());
  expect(listed).toMatch(/^backup\.json\n/);
});

test('the same backup again changes nothing', async () => {
  const { folder, places } = await filledCluster();
  const { audience, identity } = await newKeys();
  const backup = await opened((await backUp(places, ABOUT, audience)).bytes, identity);
  const before = contents(folder);
  expect(await restore(backup, places, FRESH)).toMatchObject({ isUnchanged: true, aside: [] });
  expect(contents(folder)).toEqual(before);
});

test('a store that lost files is made whole, and what was left is kept aside', async () => {
  const { folder, places } = await filledCluster();
  const { audience, identity } = await newKeys();
  const backup = await opened((await backUp(places, ABOUT, audience)).bytes, identity);
  const whole = contents(places.pki);
  rmSync(join(places.pki, 'hosts'), { recursive: true });
  const left = contents(places.pki);
  const { aside } = await restore(backup, places, FRESH);
  expect(contents(places.pki)).toEqual(whole);
  expect(aside).toEqual([join(folder, 'pki.before-2026-11-20T12-00-00-000Z')]);
  expect(contents(aside[0]!)).toEqual(left);
});

describe('nothing is replaced without --force:', () => {
  const refusals: [string, 'pki' | 'kubeconfigs.json', (places: BackupPlaces) => unknown, RegExp][] = [
    [
      'another cluster',
      'pki',
      async ({ pki }) => {
        rmSync(pki, { recursive: true });
        await openPkiStore(pki).issueAll(SPECS, NOW);
      },
      /is the store of cluster [0-9a-f]{16}, and the backup is of/,
    ],
    [
      'a store of which nobody can tell whose it is',
      'pki',
      ({ pki }) => {
        rmSync(join(pki, 'cluster-id'));
        writeFileSync(join(pki, 'ca.crt'), 'x', { mode: 0o600 });
      },
      /is the store of an unknown cluster/,
    ],
    [
      'a certificate that is newer',
      'pki',
      async ({ pki }) => {
        await openPkiStore(pki).issue(leaf(), NOW);
        for (const file of ['crt', 'key']) later(join(pki, `hosts/worker-1/kubelet-serving.${file}`), NOW + 1000);
      },
      /is newer than the backup, which was made 2026-11-20T12:00:00.000Z/,
    ],
    [
      'a kubeconfig that was issued afterwards',
      'kubeconfigs.json',
      ({ ledger }) => {
        writeFileSync(ledger, `${LEDGER}\n`);
        later(ledger, NOW + 1000);
      },
      /is newer than the backup/,
    ],
  ];

  test.each(refusals)('%s', async (_, changed, change, message) => {
    const { folder, places } = await filledCluster();
    const { audience, identity } = await newKeys();
    const backup = await opened((await backUp(places, ABOUT, audience)).bytes, identity);
    const whole = contents(places.pki);
    await change(places);
    const before = contents(folder);
    const beforeIn = changed === 'pki' ? contents(places.pki) : before[changed];
    await expect(restore(backup, places, FRESH)).rejects.toMatchObject({
      code: 'REFUSED',
      message: expect.stringMatching(message),
    });
    expect(contents(folder)).toEqual(before);
    const { aside } = await restore(backup, places, { ...FRESH, isForced: true });
    expect(contents(places.pki)).toEqual(whole);
    expect(readFileSync(places.ledger, 'utf8')).toBe(LEDGER);
    // What is the same stays where it is: every copy of keys is one too many.
    expect(aside).toEqual([join(folder, `${changed}.before-2026-11-20T12-00-00-000Z`)]);
    const kept = changed === 'pki' ? contents(aside[0]!) : readFileSync(aside[0]!, 'latin1');
    expect(kept).toEqual(beforeIn);
  });
});

test('the ledger of another cluster goes aside with its store', async () => {
  const [own, other] = [await filledCluster(), await filledCluster()];
  const { audience, identity } = await newKeys();
  rmSync(own.places.ledger);
  const backup = await opened((await backUp(own.places, ABOUT, audience)).bytes, identity);
  const { aside } = await restore(backup, other.places, { ...FRESH, isForced: true });
  expect(aside).toHaveLength(2);
  expect(existsSync(other.places.ledger)).toBe(false);
  expect(readFileSync(aside[1]!, 'utf8')).toBe(LEDGER);
});

test('a store that is a link to another disk stays one', async () => {
  const { places } = await filledCluster();
  const { audience, identity } = await newKeys();
  const backup = await opened((await backUp(places, ABOUT, audience)).bytes, identity);
  const [target, disk] = [emptyCluster(), emptyCluster()];
  mkdirSync(disk.places.pki, { mode: 0o700 });
  symlinkSync(disk.places.pki, target.places.pki);
  await restore(backup, target.places, FRESH);
  expect(contents(disk.places.pki)).toEqual(contents(places.pki));
  expect(readdirSync(target.folder).sort()).toEqual(['kubeconfigs.json', 'pki']);
});

describe('nothing is restored from', () => {
  const forgeries: [string, Parameters<typeof forged>[2], RegExp][] = [
    ['an entry that climbs out', [{ name: 'pki/../../../x', body: 'x' }], /leads elsewhere/],
    ['an entry beside the store', [{ name: '../x', body: 'x' }], /belongs to no backup/],
    ['an absolute entry', [{ name: '/etc/x', body: 'x' }], /belongs to no backup/],
    ['a hidden entry', [{ name: 'pki/.pending/x', body: 'x' }], /leads elsewhere/],
    ['an entry with a dot between', [{ name: 'pki/./x', body: 'x' }], /leads elsewhere/],
    ['a name that cannot be seen', [{ name: 'pki/\u202ex', body: 'x' }], /cannot be seen/],
    ['a foreign file', [{ name: 'audit.jsonl', body: 'x' }], /belongs to no backup/],
    ['a symbolic link', [{ name: 'pki/hosts', type: 'symlink', linkname: '/etc' }], /is no plain file/],
    ['a hard link', [{ name: 'pki/x', type: 'link', linkname: '/etc/shadow' }], /is no plain file/],
    ['a device', [{ name: 'pki/x', type: 'character-device' }], /is no plain file/],
    [
      'an entry twice',
      [
        { name: 'pki/x', body: '1' },
        { name: 'pki/x', body: '2' },
      ],
      /has two entries/,
    ],
    ['no head', [{ name: 'backup.json', body: '{}' }], /is no backup of a certificate store/],
    ['a head of a later kbin', [{ name: 'backup.json', body: '{"version":2}' }], /or one of a later kbin/],
    ['a head that names a path', [{ name: 'backup.json', body: head({ cluster: '../x' }) }], /is no backup/],
    ['a head of another cluster', [{ name: 'backup.json', body: head({}) }], /its store is of another one/],
    ['a key of another pair', [{ name: 'pki/ca.key', body: 'x' }], /holds a damaged store/],
    [
      'a certificate that is cut short',
      [{ name: 'pki/ca.crt', body: '-----BEGIN CERTIFICATE-----\n' }],
      /damaged store/,
    ],
    ['a locked key that is cut short', [{ name: 'pki/etcd-ca.key', body: '' }], /damaged store/],
    ['a record that is no JSON', [{ name: 'pki/rotations.json', body: '{' }], /damaged store/],
    ['a ledger that is damaged', [{ name: 'kubeconfigs.json', body: '{' }], /damaged store/],
    ['a file in the place of a folder', [{ name: 'pki/hosts', body: 'x' }], /below one that is a file/],
  ];

  test.each(forgeries)('%s', async (_, entries, message) => {
    const { places } = await filledCluster();
    const keys = await newKeys();
    const { bytes } = await backUp(places, ABOUT, keys.audience);
    const target = emptyCluster();
    const attempt = async () =>
      restore(await opened(await forged(bytes, keys, entries), keys.identity), target.places, FRESH);
    const error: unknown = await attempt().catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'PKI', message: expect.stringMatching(message) });
    expect(inspect(error, { depth: 9 })).not.toContain('.restore-');
    expect(contents(target.folder)).toEqual({});
    expect(readdirSync(target.folder)).toEqual([]);
  });

  test('anything that was cut off or changed', async () => {
    const { places } = await filledCluster();
    const { audience, identity } = await newKeys();
    const { bytes } = await backUp(places, ABOUT, audience);
    for (const cut of [1, 100, 1000, bytes.length - 1]) {
      await expect(readBackup(bytes.subarray(0, cut), identity, 'x.age')).rejects.toMatchObject({
        code: 'PKI',
        message: 'x.age is damaged, or only part of a file that age encrypted',
      });
    }
  });

  test('what is for others, or no archive', async () => {
    const { places } = await filledCluster();
    const [own, other] = [await newKeys(), await newKeys()];
    const { bytes } = await backUp(places, ABOUT, own.audience);
    expect(await readBackup(bytes, other.identity, 'x.age')).toBeUndefined();
    const text = await encryptBytes(Buffer.from('x'.repeat(2000)), own.audience);
    await expect(readBackup(text, own.identity, 'x.age')).rejects.toMatchObject({ code: 'PKI' });
    const empty = await encryptBytes(Buffer.alloc(0), own.audience);
    await expect(readBackup(empty, own.identity, 'x.age')).rejects.toThrow('is no backup of a certificate store');
  });
});

function head(changes: object): string {
  const all = { version: 1, cluster: 'prod', clusterId: 'aaaa', madeAt: '2026-11-20T12:00:00Z', kbin: '1', ...changes };
  return JSON.stringify(all);
}

describe('there is no backup of', () => {
  test('nothing', async () => {
    const { places } = emptyCluster();
    const { audience } = await newKeys();
    await expect(backUp(places, ABOUT, audience)).rejects.toMatchObject({ code: 'PKI', message: /no certificates/ });
  });

  test.each<[string, (places: BackupPlaces) => void, RegExp]>([
    ['a damaged store', ({ pki }) => writeFileSync(join(pki, 'ca.key'), 'x'), /ca\.key/],
    ['a link', ({ pki }) => symlinkSync('/etc/hosts', join(pki, 'notes.txt')), /notes\.txt is no plain file/],
    ['a name that cannot be seen', ({ pki }) => writeFileSync(join(pki, 'a\nb'), ''), /cannot be seen/],
  ])('%s', async (_, change, message) => {
    const { places } = await filledCluster();
    change(places);
    const { audience } = await newKeys();
    await expect(backUp(places, ABOUT, audience)).rejects.toMatchObject({
      code: 'PKI',
      message: expect.stringMatching(message),
    });
  });
});

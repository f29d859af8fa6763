import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, createWriteStream, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { jest } from '@jest/globals';
import { sha256 } from '../../../src/model/digest.ts';
import { snapshotStatus } from '../../../src/etcd/etcdutl.ts';
import { proveFile, revisionOf, SnapshotProof, TRAILER_BYTES } from '../../../src/etcd/snapshotFile.ts';
import { snapshotStream, type SnapshotProgress } from '../../../src/etcd/snapshotStream.ts';
import { nowhere, verdictOn } from '../../unit/etcd/proving.ts';
import { caught } from '../caught.ts';
import { TEST_MS, until } from '../until.ts';
import { etcdVersions, Member, NO_ETCD, Site } from './members.ts';

/** Snapshots of a real etcd, and what is done to them. Skipped where none is built. */
jest.setTimeout(TEST_MS);
if (etcdVersions.length === 0) test.skip(NO_ETCD, () => undefined);

const sites: Site[] = [];
afterAll(() => Promise.all(sites.map((site) => site.close())));

const about = (version: string): void => {
  let site: Site;
  let member: Member;
  beforeAll(async () => {
    site = new Site(version);
    sites.push(site);
    [member] = (await site.start('a')) as [Member];
    await member.fill(3000, 2000);
  });

  const save = async (name: string): Promise<string> => {
    const path = join(site.folder, name);
    const proof = new SnapshotProof(path);
    await pipeline(snapshotStream(member.target), proof, createWriteStream(path));
    expect(await proof.result).toEqual({ bytes: statSync(path).size, sha256: sha256(readFileSync(path)) });
    return path;
  };

  test('it is what etcdctl saves', async () => {
    const [own, theirs] = [await save('own.db'), join(site.folder, 'theirs.db')];
    const at = (file: string): string => join(site.folder, file);
    const { certificates } = site;
    writeFileSync(at('admin.crt'), certificates.admin.cert);
    writeFileSync(at('admin.key'), certificates.admin.key);
    execFileSync(
      site.program('etcdctl'),
      [
        ...[`--endpoints=https://127.0.0.1:${member.ports.client}`, `--cacert=${at('ca.crt')}`],
        ...[`--cert=${at('admin.crt')}`, `--key=${at('admin.key')}`, 'snapshot', 'save', theirs],
      ],
      { stdio: 'pipe' },
    );
    const [ours, expected] = [
      await snapshotStatus(site.program('etcdutl'), own),
      await snapshotStatus(site.program('etcdutl'), theirs),
    ];
    // A page more or less: etcd may have written between the two.
    expect({ ...ours, databaseBytes: 0 }).toEqual({ ...expected, databaseBytes: 0 });
    expect(ours).toMatchObject({ keys: 3000, revision: 31, databaseBytes: statSync(own).size - TRAILER_BYTES });
    expect((await proveFile(theirs)).bytes).toBe(expected.databaseBytes + TRAILER_BYTES);
    expect(await revisionOf(own)).toBe((await member.client.status()).revision);
  });

  test('etcdutl restores it, with the check of its hash', async () => {
    const data = join(site.folder, 'restored');
    const { status, stderr } = spawnSync(
      site.program('etcdutl'),
      ['snapshot', 'restore', await save('restore.db'), `--data-dir=${data}`],
      { encoding: 'utf8' },
    );
    expect({ status, stderr }).toMatchObject({ status: 0 });
  });

  test('it tells how far it is', async () => {
    const told: SnapshotProgress[] = [];
    await pipeline(snapshotStream(member.target, { onProgress: (progress) => void told.push(progress) }), nowhere());
    expect(told.length).toBeGreaterThan(10);
    // The last one is the trailer, which the member does not count.
    const [total] = told.map(({ totalBytes }) => totalBytes);
    expect(new Set(told.slice(0, -1).map(({ totalBytes }) => totalBytes))).toEqual(new Set([total]));
    expect(told.at(-1)?.receivedBytes).toBe((total ?? 0) + TRAILER_BYTES);
  });

  test('nothing more is taken from the member than is read', async () => {
    let received = 0;
    const stream = snapshotStream(member.target, { onProgress: ({ receivedBytes }) => (received = receivedBytes) });
    await new Promise((resolve) => stream.once('readable', resolve));
    // It has sent all it may when nothing came for as long as it takes to ask it something else, many times.
    let before = -1;
    await until(async () => {
      for (let turn = 0; turn < 20; turn += 1) await member.client.status();
      return before === (before = received);
    });
    expect((await member.client.status()).dbBytes).toBeGreaterThan(10_000_000);
    expect(received).toBeLessThan(2_000_000);
    await pipeline(stream, nowhere());
    expect(received).toBeGreaterThan(10_000_000);
  });

  test('cut at every tenth, changed in a bit, with something behind it: the reason is told', async () => {
    const whole = readFileSync(await save('damaged.db'));
    expect(await verdictOn(whole)).toBe('sound');
    for (let tenth = 1; tenth < 10; tenth += 1) {
      expect(await verdictOn(whole.subarray(0, Math.floor((whole.length * tenth) / 10)))).toBe('cut');
    }
    expect(await verdictOn(whole.subarray(0, whole.length - 1))).toBe('cut');
    expect(await verdictOn(Buffer.alloc(0))).toBe('empty');
    expect(await verdictOn(Buffer.concat([whole, Buffer.from('x')]))).toBe('changed');
    expect(await verdictOn(Buffer.concat([whole, Buffer.alloc(512)]))).toBe('changed');
    for (let step = 0; step < 40; step += 1) {
      const changed = Buffer.from(whole);
      const at = Math.floor((whole.length * step) / 40);
      changed[at] = changed[at]! ^ (1 << (step % 8));
      expect({ at, verdict: await verdictOn(changed) }).toEqual({ at, verdict: 'changed' });
    }
  });

  test('a database copied out of the data directory is told apart, running or not', async () => {
    const copy = join(site.folder, 'copy.db');
    copyFileSync(member.databaseFile, copy);
    expect(await caught(proveFile(copy))).toMatchObject({ code: 'STEP', reason: 'no-trailer' });
    expect(await caught(proveFile(site.program('etcdutl')))).toMatchObject({ reason: 'foreign' });
  });

  test('what etcdutl does not read is told in its words', async () => {
    const whole = readFileSync(await save('broken.db'));
    const broken = join(site.folder, 'broken.db');
    writeFileSync(broken, whole.fill(0xff, 20_000, 4_000_000));
    const error = await caught(snapshotStatus(site.program('etcdutl'), broken));
    expect(error).toMatchObject({
      code: 'STEP',
      message: expect.stringMatching(/^etcdutl does not read .*broken\.db: exit code \d/),
    });
    expect(error.evidence.join('\n').length).toBeGreaterThan(10);
    expect(await caught(snapshotStatus(site.program('etcdutl'), broken, { timeoutSeconds: 0.001 }))).toMatchObject({
      code: 'TIMEOUT',
    });
    expect(await caught(snapshotStatus(join(site.folder, 'nothing'), broken))).toMatchObject({ name: 'LocalError' });
  });

  test('the revision counts a compaction that took away the newest key', async () => {
    await member.put('gone', 'x');
    await member.remove('gone');
    const revision = await member.client.currentRevision();
    const before = await save('before.db');
    expect([await revisionOf(before), (await snapshotStatus(site.program('etcdutl'), before)).revision]).toEqual([
      revision,
      revision,
    ]);
    await member.client.compact(revision, { isPhysical: true, timeoutSeconds: 60 });
    const after = await save('after.db');
    expect(await member.client.currentRevision()).toBe(revision);
    expect(await revisionOf(after)).toBe(revision);
    // etcd before its pull request 18274 takes it away.
    expect((await snapshotStatus(site.program('etcdutl'), after)).revision).toBeLessThanOrEqual(revision);
  });

  test('a member that stops answering, one that is killed and a signal each end it with their reason', async () => {
    const silent = snapshotStream(member.target, { silenceSeconds: 1 });
    await new Promise((resolve) => silent.once('readable', resolve));
    member.signal('SIGSTOP');
    expect(await caught(pipeline(silent, nowhere()))).toMatchObject({
      code: 'TIMEOUT',
      reason: 'nothing came for 1 s',
      host: 'a',
    });
    member.signal('SIGCONT');
    await member.ready();

    const controller = new AbortController();
    const aborted = snapshotStream(member.target, { signal: controller.signal });
    await new Promise((resolve) => aborted.once('readable', resolve));
    controller.abort();
    expect(await caught(pipeline(aborted, nowhere()))).toMatchObject({ code: 'INTERRUPTED' });
    expect((await member.client.status()).errors).toEqual([]);

    const killed = snapshotStream(member.target);
    await new Promise((resolve) => killed.once('readable', resolve));
    const ended = caught(new Promise((resolve, reject) => killed.once('error', reject).once('end', resolve)));
    await member.kill();
    killed.resume();
    expect(await ended).toMatchObject({ code: 'CONNECT', host: 'a' });
    expect(await caught(pipeline(snapshotStream(member.target), nowhere()))).toMatchObject({
      code: 'CONNECT',
      reason: 'connection refused',
    });
    member.run();
    await member.ready();
  });
};
for (const version of etcdVersions) describe(`etcd ${version}`, () => about(version));

import { createWriteStream, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { jest } from '@jest/globals';
import { rehearse } from '../../../src/etcd/rehearse.ts';
import { snapshotStream } from '../../../src/etcd/snapshotStream.ts';
import type { Clock } from '../../../src/model/ports.ts';
import { programPath } from '../desired/binaries.ts';
import { TEST_MS } from '../until.ts';
import { etcdVersions, type Member, NO_ETCD, Site } from './members.ts';

/** A snapshot in a real throw-away etcd. Skipped where none is built. */
jest.setTimeout(TEST_MS);
if (etcdVersions.length === 0) test.skip(NO_ETCD, () => undefined);

const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  pause: (milliseconds) => pause(milliseconds),
};

describe.each(etcdVersions)('etcd %s', (version) => {
  let site: Site;
  let member: Member;
  let path: string;
  let spool: string;
  beforeAll(async () => {
    site = new Site(version);
    [member] = (await site.start('a')) as [Member];
    await member.fill(1200, 100);
    await member.put('/registry/example.com/widgets/ns/one', 'x');
    await member.put('not of Kubernetes', 'x');
    await member.remove('/registry/pods/ns/000007');
    [path, spool] = [join(site.folder, 'snapshot.db'), join(site.folder, 'spool')];
    mkdirSync(spool);
    await pipeline(snapshotStream(member.target), createWriteStream(path));
  });
  afterAll(() => site.close());

  const programs = {
    etcd: programPath('etcd', version, 'etcd'),
    etcdutl: programPath('etcd', version, 'etcdutl'),
  };

  test('it is served, read and counted, and nothing of it stays', async () => {
    const { revision } = await member.client.status();
    const { hash } = await member.client.hashKv(revision, 60);
    const seen = await rehearse({ path, programs, spool, clock });
    expect(seen).toMatchObject({ revision, keys: 1201, hashKv: hash });
    expect(seen.kinds).toEqual({ '': 1, 'example.com/widgets': 1, pods: 1199 });
    expect(readdirSync(spool)).toEqual([]);
  });

  test('what etcdutl does not take is refused with its words, and nothing stays', async () => {
    const changed = join(site.folder, 'changed.db');
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1] = bytes[bytes.length >> 1]! ^ 1;
    writeFileSync(changed, bytes);
    await expect(rehearse({ path: changed, programs, spool, clock })).rejects.toMatchObject({
      code: 'STEP',
      message: `etcdutl cannot restore ${changed}`,
    });
    expect(readdirSync(spool)).toEqual([]);
  });

  test('an etcd that ends at once is told with what it said', async () => {
    const broken = { ...programs, etcd: '/bin/false' };
    await expect(rehearse({ path, programs: broken, spool, clock })).rejects.toMatchObject({
      code: 'STEP',
      message: expect.stringContaining('ended instead of serving it') as unknown,
    });
    expect(readdirSync(spool)).toEqual([]);
  });
});

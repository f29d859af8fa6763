import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { hexId16 } from '../../../src/etcd/client.ts';
import { snapshotStatus } from '../../../src/etcd/etcdutl.ts';
import { proveFile } from '../../../src/etcd/snapshotFile.ts';
import { snapshotSource, takeSnapshot, type TakeInput } from '../../../src/etcd/take.ts';
import { FakeClock } from '../../unit/engine/probes/clock.ts';
import { caught } from '../caught.ts';
import { TEST_MS, until } from '../until.ts';
import { etcdVersions, Member, NO_ETCD, Site } from './members.ts';

/** One snapshot of a real etcd of three, with the real etcdutl. Skipped where none is built. */
jest.setTimeout(TEST_MS);
if (etcdVersions.length === 0) test.skip(NO_ETCD, () => undefined);

const sites: Site[] = [];
afterAll(() => Promise.all(sites.map((site) => site.close())));

const about = (version: string): void => {
  let site: Site;
  let all: Member[];
  let warnings: string[] = [];
  beforeAll(async () => {
    site = new Site(version);
    sites.push(site);
    all = await site.start('a', 'b', 'c');
    await all[0]?.fill(3000, 2000);
  });

  const inputOf = (spool: string, changed: Partial<TakeInput> = {}): TakeInput => {
    warnings = [];
    return {
      sources: all.map((member) =>
        snapshotSource({ host: member.name, label: member.name, open: async () => member.target }),
      ),
      cluster: { name: 'prod', id: 'c0ffee' },
      versions: { kubernetes: 'v1.36.2', kbin: '0.1.0' },
      spool: join(site.folder, spool),
      etcdutl: async (asked) => (asked === version ? site.program('etcdutl') : undefined),
      clock: new FakeClock(),
      signal: new AbortController().signal,
      warn: (message) => void warnings.push(message),
      ...changed,
    };
  };
  const stateOf = (member: Member) => member.client.status();
  const leader = async (): Promise<Member> => {
    const states = await Promise.all(all.map(async (member) => ({ member, status: await stateOf(member) })));
    return states.find(({ status }) => status.leader === status.memberId)!.member;
  };

  test('it is of a follower, and has every write that was acknowledged before', async () => {
    await all[0]?.put('last', 'write');
    const { path, manifest } = await takeSnapshot(inputOf('plain'));
    expect(manifest.member).not.toBe((await leader()).name);
    const status = await stateOf(all[0]!);
    expect(manifest).toMatchObject({ revision: status.revision, keys: 3001, etcdClusterId: hexId16(status.clusterId) });
    expect(await proveFile(path)).toEqual(manifest.database);
    const { hash, keys } = await snapshotStatus(site.program('etcdutl'), path);
    expect([hash, keys]).toEqual([manifest.hash, manifest.keys]);
    expect([readdirSync(join(site.folder, 'plain')), warnings]).toEqual([[`${manifest.name}.db`], []]);
  });

  test('a member that is killed on the way is replaced by another, from the start', async () => {
    let killed: Promise<Member> | undefined;
    const input = inputOf('killed', {
      onProgress: ({ receivedBytes }) => {
        if (receivedBytes > 1_000_000) killed ??= killSender();
      },
    });
    const led = await leader();
    const followers = all.filter((member) => member !== led);
    // Which of the two it is asked is seen by the one that was told to stream.
    const senders: Member[] = [];
    const sources = input.sources.map((source, index) => ({
      ...source,
      open: async () => {
        const opened = await source.open();
        return {
          ...opened,
          stream: (call: Parameters<typeof opened.stream>[0]) => (senders.push(all[index]!), opened.stream(call)),
        };
      },
    }));
    const killSender = async (): Promise<Member> => {
      const sender = senders[0]!;
      await sender.kill();
      return sender;
    };
    const { manifest } = await takeSnapshot({ ...input, sources });
    const gone = (await killed)!;
    expect(followers).toContain(gone);
    expect([manifest.member, senders]).toEqual([
      followers.find((member) => member !== gone)?.name,
      [gone, expect.anything()],
    ]);
    expect(warnings).toEqual([expect.stringMatching(new RegExp(`^no snapshot from ${gone.name}: `))]);
    expect(readdirSync(input.spool)).toEqual([`${manifest.name}.db`]);
    gone.run();
    await gone.ready();
  });

  test('without a quorum there is none, and nothing is left', async () => {
    const [first, ...others] = all as [Member, ...Member[]];
    await Promise.all(others.map((member) => member.kill()));
    await until(async () => (await stateOf(first)).leader === '', 'the loss of the leader');
    const input = inputOf('alone');
    expect(await caught(takeSnapshot(input))).toMatchObject({ code: 'GATE' });
    expect([readdirSync(input.spool), warnings.length]).toEqual([[], 2]);
  });
};
for (const version of etcdVersions) describe(`etcd ${version}`, () => about(version));

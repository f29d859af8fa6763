import { jest } from '@jest/globals';
import { hexId, hexId16, idOfHex } from '../../../src/etcd/client.ts';
import { diskLatencies, metricsText } from '../../../src/etcd/metrics.ts';
import { GRPC, type GatewayError } from '../../../src/engine/etcdGateway.ts';
import { caught } from '../caught.ts';
import { TEST_MS, until } from '../until.ts';
import { etcdVersions, Member, NO_ETCD, Site } from './members.ts';

/** What the client says of a real etcd, and does to it. Skipped where none is built. */
jest.setTimeout(TEST_MS);
if (etcdVersions.length === 0) test.skip(NO_ETCD, () => undefined);

const sites: Site[] = [];
afterAll(() => Promise.all(sites.map((site) => site.close())));

async function cluster(version: string, names: string[], flags: string[] = []): Promise<{ site: Site; all: Member[] }> {
  const site = new Site(version, flags);
  sites.push(site);
  return { site, all: await site.start(...names) };
}

async function leaderOf(all: readonly Member[]): Promise<{ leader: Member; followers: Member[] }> {
  const states = await Promise.all(all.map(async (member) => ({ member, status: await member.client.status() })));
  const led = states.find(({ status }) => status.leader === status.memberId);
  if (led === undefined) throw new Error('no leader');
  return { leader: led.member, followers: all.filter((member) => member !== led.member) };
}

const about = (version: string): void => {
  let all: Member[];
  let site: Site;
  beforeAll(async () => {
    ({ site, all } = await cluster(version, ['a', 'b', 'c']));
  });

  test('a status tells what etcdctl tells', async () => {
    const [first] = all as [Member];
    await first.put('key', 'value');
    const status = await first.client.status();
    expect(status).toMatchObject({ version: version.slice(1), revision: 2, isLearner: false, errors: [] });
    expect(status.dbBytes).toBeGreaterThanOrEqual(status.dbInUseBytes);
    expect(status.dbQuotaBytes).toBe(2 * 1024 ** 3);
    expect(status.storageVersion).toMatch(/^\d+\.\d+\.\d+$/);
    expect(status.raftAppliedIndex).toBeGreaterThan(4);
    const members = await first.client.members();
    expect(members.map(({ name }) => name).sort()).toEqual(['a', 'b', 'c']);
    expect(members.map(({ id }) => id)).toContain(status.memberId);
    expect(idOfHex(hexId(status.clusterId))).toBe(status.clusterId);
    expect(hexId16(status.clusterId)).toMatch(/^[0-9a-f]{16}$/);
  });

  test('every member has applied the revision that the quorum has', async () => {
    const [first] = all as [Member];
    await first.put('key', 'again');
    const revisions = await Promise.all(all.map(({ client }) => client.currentRevision()));
    expect(new Set(revisions)).toEqual(new Set([(await first.client.status()).revision]));
  });

  test('members have the same hash at one revision, and another at another', async () => {
    const [first] = all as [Member];
    const revision = await first.client.currentRevision();
    const hashes = await Promise.all(all.map(({ client }) => client.hashKv(revision, 30)));
    expect(new Set(hashes.map(({ hash }) => hash)).size).toBe(1);
    expect(hashes[0]).toMatchObject({ revision });
    await first.put('key', 'changed');
    expect((await first.client.hashKv(0, 30)).hash).not.toBe(hashes[0]?.hash);
  });

  test('compaction forgets, once; defragmentation gives space back', async () => {
    const [first] = all as [Member];
    await first.fill(300, 10_000);
    for (let index = 0; index < 300; index += 1)
      await first.remove(`/registry/pods/ns/${String(index).padStart(6, '0')}`);
    const revision = await first.client.currentRevision();
    await first.client.compact(revision, { isPhysical: true, timeoutSeconds: 60 });
    const again = await caught(first.client.compact(revision, { isPhysical: true, timeoutSeconds: 60 }));
    expect(again).toMatchObject({ code: 'STEP', grpcCode: GRPC.OUT_OF_RANGE, status: 400, path: '/v3/kv/compaction' });
    const before = await first.client.status();
    await first.client.defragment(60);
    expect((await first.client.status()).dbBytes).toBeLessThan(before.dbBytes / 2);
  });

  test('only the leader moves leadership, and only to a voter', async () => {
    const { leader, followers } = await leaderOf(all);
    const [target, other] = followers as [Member, Member];
    const { memberId } = await target.client.status();
    const refused = await caught(other.client.moveLeader(memberId));
    expect(refused).toMatchObject({ grpcCode: GRPC.FAILED_PRECONDITION, host: other.name });
    expect(await caught(leader.client.moveLeader('12345'))).toMatchObject({ grpcCode: GRPC.FAILED_PRECONDITION });
    await leader.client.moveLeader(memberId);
    await until(async () => (await leaderOf(all)).leader === target, 'the move of the leader');
  });

  test('a learner is added, joins, is promoted, changed and removed', async () => {
    const { leader } = await leaderOf(all);
    const added = await site.member('d');
    // etcd first wants every member to have been connected for some seconds.
    const add = () => leader.client.memberAdd([added.peerUrl], true).catch(() => undefined);
    let done: Awaited<ReturnType<typeof add>>;
    await until(async () => (done = await add()) !== undefined, 'the addition of the learner');
    const { added: entry, members } = done!;
    expect(entry).toMatchObject({ name: '', peerUrls: [added.peerUrl], clientUrls: [], isLearner: true });
    expect(members).toHaveLength(4);
    expect(await caught(leader.client.memberPromote(entry.id))).toMatchObject({ grpcCode: GRPC.FAILED_PRECONDITION });
    const cluster = members.map(({ name, peerUrls }) => `${name === '' ? 'd' : name}=${peerUrls[0] ?? ''}`).join(',');
    added.run({ cluster, state: 'existing' });
    const isReady = () =>
      leader.client.memberPromote(entry.id).then(
        () => true,
        () => false,
      );
    await until(isReady, 'the promotion of the learner');
    await added.ready();
    expect(await leader.client.members('member')).toContainEqual(
      expect.objectContaining({ id: entry.id, name: 'd', isLearner: false }),
    );
    const updated = await leader.client.memberUpdate(entry.id, [added.peerUrl.replace('127.0.0.1', 'localhost')]);
    expect(updated.find(({ id }) => id === entry.id)?.peerUrls).toEqual([`https://localhost:${added.ports.peer}`]);
    const isRemoved = () =>
      leader.client.memberRemove(entry.id).then(
        (rest) => rest.length === 3,
        () => false,
      );
    await until(isRemoved, 'the removal of the member');
    expect(await caught(leader.client.memberRemove(entry.id))).toMatchObject({ grpcCode: GRPC.NOT_FOUND });
  });

  test('latencies of the disk are those of its own metrics', async () => {
    const [{ connection, ports }] = all as [Member];
    const { walFsync, backendCommit } = diskLatencies(await metricsText(connection, ports.metrics));
    for (const latency of [walFsync, backendCommit]) {
      expect(latency?.p50).toBeGreaterThan(0);
      expect(latency?.p99).toBeGreaterThanOrEqual(latency?.p50 ?? 1);
    }
  });

  test('without a quorum a member still tells its state and members, but no revision and no alarms', async () => {
    const { all: three } = await cluster(version, ['x', 'y', 'z']);
    const [first, ...others] = three as [Member, ...Member[]];
    await Promise.all(others.map((member) => member.kill()));
    await until(async () => (await first.client.status()).leader === '', 'the loss of the leader');
    expect((await first.client.status()).errors).not.toEqual([]);
    expect(await first.client.members('member')).toHaveLength(3);
    const asked = await Promise.all([caught(first.client.currentRevision(60)), caught(first.client.alarms())]);
    for (const error of asked) {
      expect(error).toMatchObject({ host: 'x', code: 'STEP' });
      expect([GRPC.UNAVAILABLE, GRPC.DEADLINE_EXCEEDED]).toContain((error as unknown as GatewayError).grpcCode);
    }
  });

  test('an alarm for lack of space is listed by member, and disarmed', async () => {
    const { all: one } = await cluster(version, ['n'], ['--quota-backend-bytes=1048576']);
    const [member] = one as [Member];
    // etcd looks at the size of its file, which grows with its next commit: a fast machine has written much by then.
    const fillUp = async (): Promise<void> => {
      for (let round = 0; round < 100; round += 1) await member.fill(300, 10_000);
    };
    const error = await caught(fillUp());
    expect(error).toMatchObject({ grpcCode: GRPC.RESOURCE_EXHAUSTED });
    const [alarm] = await member.client.alarms();
    expect(alarm).toEqual({ memberId: (await member.client.status()).memberId, alarm: 'NOSPACE' });
    await member.client.disarm(alarm!);
    expect(await member.client.alarms()).toEqual([]);
    await member.client.disarm(alarm!);
  });
};
for (const version of etcdVersions) describe(`etcd ${version}`, () => about(version));

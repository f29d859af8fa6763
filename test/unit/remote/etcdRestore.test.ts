import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { sha256 } from '../../../src/model/digest.ts';
import {
  endRestoreScript,
  lookAtRestoresScript,
  markRestoringScript,
  parseRestores,
  placeSnapshotScript,
  swapMemberScript,
  undoSwapScript,
  unpackSnapshotScript,
} from '../../../src/remote/etcdRestore.ts';
import { ONLY_SH, OWNER, removeSandboxes, sandbox, SHELLS, type Sandbox } from './sandbox.ts';

jest.setTimeout(60_000);
afterEach(removeSandboxes);

const RUN = '20261120T130501-a1b2c3';
const PLACE = `/var/lib/etcd/.kbin-restore/${RUN}`;
const MEMBER = {
  run: RUN,
  name: 'cp-1',
  peerUrl: 'https://10.0.0.1:2380',
  initialCluster: 'cp-1=https://10.0.0.1:2380',
  token: 'kbin-prod-1',
  bumpRevision: 1_000_000_000,
  owner: OWNER,
  etcdutl: '/usr/local/bin/etcdutl',
};
const SNAPSHOT = 'the whole database';
const NEW = 'restored';
const OLD = 'what was there';

/** A member that was stopped, and an etcdutl that makes another one. */
function host(state = 'inactive'): Sandbox {
  const box = sandbox();
  box.fake('systemctl', `echo ActiveState=${state}`);
  box.write('/var/lib/etcd/member/snap/db', OLD);
  box.write('/var/lib/kbin/owned.json', '{}');
  box.write(
    '/usr/local/bin/etcdutl',
    `#!/bin/sh\nprintf '%s\\n' "$*" >>"$KBIN_ROOT/calls"\nmkdir -p "$5/member/snap" && printf ${NEW} >"$5/member/snap/db"\n`,
    0o755,
  );
  return box;
}

const db = (box: Sandbox): string | undefined =>
  box.has('/var/lib/etcd/member/snap/db') ? box.read('/var/lib/etcd/member/snap/db') : undefined;

const place = placeSnapshotScript({ run: RUN, sha256: sha256(SNAPSHOT) });

/** What a script says, or how it failed. */
const runnerIn =
  (argv: readonly string[]) =>
  async (box: Sandbox, script: string, input = ''): Promise<string> => {
    const { exitCode, stdout, stderr } = await box.run(script, { shell: argv, input });
    return exitCode === 0 ? stdout.trim() : `${exitCode}: ${stderr.trim().split('\n').at(-1)}`;
  };

describe.each(SHELLS)('in $name', ({ argv }) => {
  const run = runnerIn(argv);
  const look = async (box: Sandbox): Promise<unknown> =>
    parseRestores(await box.run(lookAtRestoresScript(), { shell: argv })).restores[0];

  async function swapped(): Promise<Sandbox> {
    const box = host();
    await run(box, place, SNAPSHOT);
    await run(box, unpackSnapshotScript(MEMBER));
    await run(box, swapMemberScript(RUN));
    return box;
  }

  test('a member is replaced by a restored one, and the old one is kept aside', async () => {
    const box = host();
    expect(await run(box, place, SNAPSHOT)).toBe('placed');
    expect(box.read('/var/lib/kbin/restoring')).toBe(`${RUN}\n`);
    expect(await run(box, unpackSnapshotScript(MEMBER))).toBe('unpacked');
    expect(db(box)).toBe(OLD);
    expect(await look(box)).toEqual({ run: RUN, isUnpacked: true, isSwapped: false, isEnded: false, hasOld: false });
    expect(await run(box, swapMemberScript(RUN))).toBe('swapped');
    expect(db(box)).toBe(NEW);
    expect(box.read(`${PLACE}/old/member/snap/db`)).toBe(OLD);
    expect(await run(box, endRestoreScript(RUN))).toBe('ended');
    expect(box.list(PLACE)).toEqual(['ended', 'old', 'swapped']);
    expect(box.has('/var/lib/kbin/restoring')).toBe(false);
    expect(await look(box)).toMatchObject({ isSwapped: true, isEnded: true, hasOld: true });
    expect(box.calls()[0]).toBe(
      `snapshot restore .${PLACE}/snapshot.db --data-dir .${PLACE}/.new --name cp-1 --initial-advertise-peer-urls https://10.0.0.1:2380 --initial-cluster cp-1=https://10.0.0.1:2380 --initial-cluster-token kbin-prod-1 --bump-revision 1000000000 --mark-compacted`,
    );
  });

  test('all of it can be done again, and does nothing then', async () => {
    const box = await swapped();
    expect(await run(box, place, 'is not read')).toBe('present');
    expect(await run(box, unpackSnapshotScript(MEMBER))).toBe('present');
    expect(await run(box, swapMemberScript(RUN))).toBe('present');
    expect([db(box), box.calls().filter((call) => call.startsWith('snapshot')).length]).toEqual([NEW, 1]);
  });

  test('what does not arrive whole is not taken, and an unpacking that broke off is begun anew', async () => {
    const box = host();
    expect(await run(box, place, SNAPSHOT.slice(1))).toBe('72: the snapshot did not arrive whole');
    expect(box.has(`${PLACE}/snapshot.db`)).toBe(false);
    await run(box, place, SNAPSHOT);
    box.write(`${PLACE}/.new/member/half`, '');
    expect(await run(box, unpackSnapshotScript(MEMBER))).toBe('unpacked');
    expect(box.list(`${PLACE}/new/member`)).toEqual(['snap']);
  });

  test('a member that runs is left where it is', async () => {
    const box = host('active');
    await run(box, place, SNAPSHOT);
    await run(box, unpackSnapshotScript(MEMBER));
    expect(await run(box, swapMemberScript(RUN))).toBe('70: etcd.service is not stopped');
    expect(await run(box, undoSwapScript(RUN))).toBe('70: etcd.service is not stopped');
    expect(db(box)).toBe(OLD);
  });

  test('without anything unpacked nothing is moved', async () => {
    const box = host();
    await run(box, place, SNAPSHOT);
    expect(await run(box, swapMemberScript(RUN))).toBe(`70: nothing was unpacked in .${PLACE}`);
    expect(db(box)).toBe(OLD);
  });

  test('a host that had no member gets one', async () => {
    const box = host();
    await run(box, place, SNAPSHOT);
    await run(box, unpackSnapshotScript(MEMBER));
    await box.run('cd "$KBIN_ROOT" && rm -r ./var/lib/etcd/member');
    expect(await run(box, swapMemberScript(RUN))).toBe('swapped');
    expect(db(box)).toBe(NEW);
  });

  test('undone, the old member is back and the restored one is kept', async () => {
    const box = await swapped();
    await run(box, endRestoreScript(RUN));
    expect(await run(box, markRestoringScript(RUN))).toBe('marked');
    expect(box.read('/var/lib/kbin/restoring')).toBe(`${RUN}\n`);
    expect(await run(box, undoSwapScript(RUN))).toBe('undone');
    expect(box.has('/var/lib/kbin/restoring')).toBe(false);
    expect(db(box)).toBe(OLD);
    expect(box.read(`${PLACE}/undone/member/snap/db`)).toBe(NEW);
    expect(await run(box, undoSwapScript(RUN))).toBe('undone');
    expect([db(box), await look(box)]).toEqual([OLD, expect.objectContaining({ isSwapped: false, isEnded: true })]);
  });
});

describe.each(ONLY_SH)('in $name', ({ argv }) => {
  const run = runnerIn(argv);

  test.each([
    ['a swap', swapMemberScript(RUN), NEW],
    ['an undone swap', undoSwapScript(RUN), OLD],
  ])('%s that is killed after each of its moves goes on, and no member is ever lost', async (_, script, wanted) => {
    for (let moves = 1; moves <= 2; moves += 1) {
      const box = host();
      await run(box, place, SNAPSHOT);
      await run(box, unpackSnapshotScript(MEMBER));
      if (wanted === OLD) await run(box, swapMemberScript(RUN));
      box.fake(
        'mv',
        `/bin/mv "$@" || exit\necho x >>"$KBIN_ROOT/moves"\n[ $(grep -c x "$KBIN_ROOT/moves") -lt ${moves} ] || kill -9 $PPID`,
      );
      expect(await run(box, script)).not.toBe('swapped');
      box.fake('mv', 'exec /bin/mv "$@"');
      await run(box, script);
      expect([moves, db(box)]).toEqual([moves, wanted]);
      const aside = wanted === NEW ? 'old' : 'undone';
      expect(box.read(`${PLACE}/${aside}/member/snap/db`)).toBe(wanted === NEW ? OLD : NEW);
    }
  });
});

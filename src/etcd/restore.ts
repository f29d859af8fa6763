import { PLACES } from '../catalog/places.ts';
import { ClusterLock } from '../engine/lock.ts';
import { KbinError } from '../errors.ts';
import { namesOf, type EtcdGround } from './hosts.ts';
import { assertRoom, lookAtRestores, runFor, undoable, type ProvedSnapshot } from './restoreState.ts';
import { RestoreSteps, type RestoreOptions } from './restoreSteps.ts';

export type { ProvedSnapshot } from './restoreState.ts';

async function locked<T>(ground: EtcdGround, work: (lock: ClusterLock) => Promise<T>): Promise<T> {
  const lock = await ClusterLock.acquire(ground.engine, new Set(namesOf(ground.engine, 'control-plane')));
  try {
    return await work(lock);
  } finally {
    await lock.release();
  }
}

/**
 * Puts a snapshot in the place of everything that etcd holds (REFERENCE 4). Until all API servers and members are stopped
 * nothing is touched; the old data is kept. Interrupted anywhere, the same call goes on, and `undoRestore` goes back.
 * Returns the id of the restore.
 * @throws KbinError REFUSED, PREFLIGHT before anything is changed; STEP, GATE, CONNECT with what to do.
 */
export function restore(ground: EtcdGround, snapshot: ProvedSnapshot, options: RestoreOptions = {}): Promise<string> {
  return locked(ground, async (lock) => {
    const facts = await lookAtRestores(ground);
    const run = runFor(ground.engine, facts, snapshot);
    assertRoom(facts, snapshot, run);
    const work = new RestoreSteps(ground, lock, options);
    await work.prepare(snapshot, run);
    await work.stop();
    await work.swap(run);
    await work.start();
    await work.end(run);
    return run;
  });
}

/** Goes back to what etcd held before a restore; what was written since is kept aside. Returns the id of the restore. */
export function undoRestore(ground: EtcdGround, options: RestoreOptions = {}): Promise<string> {
  return locked(ground, async (lock) => {
    const run = undoable(await lookAtRestores(ground));
    if (run === undefined)
      throw new KbinError('REFUSED', 'there is no restore to take back', {
        hint: `Old data would lie in ${PLACES.etcdData}/.kbin-restore on the members.`,
      });
    const work = new RestoreSteps(ground, lock, options);
    await work.mark(run);
    await work.stop();
    await work.swapBack(run);
    await work.start();
    return run;
  });
}

import { resolve } from 'node:path';
import { KbinError } from '../../errors.ts';
import type { PrunePlace } from '../../etcd/prune.ts';
import type { SnapshotTarget } from '../../etcd/target.ts';
import { openTarget } from '../../etcd/targets/open.ts';
import type { TargetSpec } from '../../model/snapshot.ts';
import { createSftpOpener } from '../../ssh/sftp.ts';
import { list, type Arguments, type Option } from '../command.ts';
import type { RunSession } from '../run.ts';

export const TARGET_OPTION: Readonly<Record<string, Option>> = {
  to: {
    type: 'array',
    describe:
      'name of a target of the inventory, or a folder of this machine; repeatable. All of the inventory’s without',
  },
};

/** Targets that the options name, or all of the inventory. Throws USAGE when there are none. */
export function chosenTargets({ engine }: RunSession, args: Arguments): TargetSpec[] {
  const { targets } = engine.inventory.etcd.snapshots;
  const words = list(args, 'to');
  const chosen =
    words.length === 0
      ? targets
      : words.map(
          (word): TargetSpec =>
            targets.find(({ name }) => name === word) ?? { kind: 'folder', name: word, path: resolve(word) },
        );
  if (chosen.length > 0) return chosen;
  throw new KbinError('USAGE', 'there is no target for snapshots', {
    hint: 'Name a folder with --to, or write etcd.snapshots.targets into the inventory.',
  });
}

/** What was done at one target. */
export interface AtTarget {
  label: string;
  failure?: unknown;
}

/**
 * Does something at every target, one after the other, and closes each. A failure at one stops none of the others: it is
 * in the result.
 */
export async function atEach(
  { engine }: RunSession,
  specs: readonly TargetSpec[],
  work: (target: SnapshotTarget, spec: TargetSpec) => Promise<void>,
): Promise<AtTarget[]> {
  const { clock, signal } = engine;
  const done: AtTarget[] = [];
  for (const spec of specs) {
    let target: SnapshotTarget | undefined;
    try {
      target = await openTarget(spec, { sftp: createSftpOpener(), clock, signal });
      await work(target, spec);
      done.push({ label: target.label });
    } catch (failure) {
      done.push({ label: target?.label ?? spec.name, failure });
    } finally {
      await target?.close();
    }
  }
  return done;
}

/** Throws the one failure, or HOSTS with all of them. */
export function assertDone(done: readonly AtTarget[], what: string): void {
  const failed = done.filter(({ failure }) => failure !== undefined);
  const [first] = failed;
  if (first === undefined) return;
  if (done.length === 1) throw first.failure as Error;
  throw new KbinError('HOSTS', `${failed.length} of ${done.length} targets ${what}`, {
    evidence: failed.map(
      ({ label, failure }) => `${label}: ${failure instanceof Error ? failure.message : String(failure)}`,
    ),
    hint: 'Mend them and run the same command again. The others have been served.',
  });
}

/** By which rules a target is pruned. */
export const placeOf = ({ engine }: RunSession, target: SnapshotTarget, spec: TargetSpec): PrunePlace => ({
  target,
  keep: spec.keep ?? engine.inventory.etcd.snapshots.keep,
});

import { KbinError } from '../../errors.ts';
import { prune as pruneTargets, type PrunedSnapshot, type PruneReport } from '../../etcd/prune.ts';
import type { TargetSpec } from '../../model/snapshot.ts';
import { tableLines } from '../../ui/table.ts';
import { size } from '../../ui/words.ts';
import { flag, type Command } from '../command.ts';
import { withRun, type RunSession } from '../run.ts';
import { ETCD_OPTIONS } from './ground.ts';
import { assertDone, atEach, chosenTargets, placeOf, TARGET_OPTION, type AtTarget } from './targets.ts';

/** Prunes every target by its rules; what was done at each, in the order of the targets. */
export async function pruneAll(
  session: RunSession,
  specs: readonly TargetSpec[],
  dryRun: boolean,
): Promise<{ reports: PruneReport[]; done: AtTarget[] }> {
  const { inventory, pki, clock } = session.engine;
  const clusterId = (await pki.clusterId()) ?? '';
  const reports: PruneReport[] = [];
  const done = await atEach(session, specs, async (target, spec) => {
    const options = { cluster: inventory.cluster, clusterId, now: clock.now(), dryRun };
    const [report] = await pruneTargets([placeOf(session, target, spec)], options);
    if (report === undefined) return;
    reports.push(report);
    if (report.failure !== undefined) throw report.failure as Error;
  });
  return { reports, done };
}

const fateOf = ({ isKept, isRemoved }: PrunedSnapshot): string => (isKept ? 'stays' : isRemoved ? 'removed' : 'goes');

const linesOf = ({ target, snapshots }: PruneReport): string[] => [
  `${target}:`,
  ...tableLines(
    ['SNAPSHOT', 'SIZE', 'STATE', '', 'WHY'],
    snapshots.map((one) => [one.name, size(one.bytes), one.state, fateOf(one), one.reasons.join(', ')]),
  ),
];

export const prune: Command = {
  usage: 'etcd prune',
  describe: 'remove snapshots that no rule of the inventory keeps; the newest verified one always stays',
  options: {
    ...ETCD_OPTIONS,
    ...TARGET_OPTION,
    'dry-run': { type: 'boolean', describe: 'tell what would go and why, and remove nothing', default: false },
  },
  run: (args) =>
    withRun(args, { command: 'etcd prune', screen: process.stderr }, async (session) => {
      if ((await session.engine.pki.clusterId()) === null)
        throw new KbinError('PKI', 'the certificate store is empty: nobody knows which snapshots are this cluster’s');
      const { reports, done } = await pruneAll(session, chosenTargets(session, args), flag(args, 'dry-run'));
      const lines = flag(args, 'json') ? [JSON.stringify(reports)] : reports.flatMap(linesOf);
      for (const line of lines) process.stdout.write(`${line}\n`);
      assertDone(done, 'were not pruned');
      return 0;
    }),
};

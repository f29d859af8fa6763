import { readFile } from 'node:fs/promises';
import { execute, prepare, type Prepared } from '../engine/deploy.ts';
import type { RunResult } from '../engine/run.ts';
import { KbinError } from '../errors.ts';
import { describePlan, summarizePlan } from '../plan/describe.ts';
import { assertSamePlan, parsePlan } from '../plan/file.ts';
import { confirm } from '../ui/confirm.ts';
import {
  flag,
  FLEET_OPTIONS,
  INVENTORY_OPTION,
  LIMIT_OPTIONS,
  number,
  text,
  type Arguments,
  type Command,
} from './command.ts';
import { chosenHosts, withRun, type RunSession } from './run.ts';

async function assertReviewed(prepared: Prepared, file: string | undefined): Promise<void> {
  if (file === undefined) return;
  const reviewed = parsePlan(await readFile(file, 'utf8'), file);
  assertSamePlan(reviewed, prepared.plan, file);
}

/** Changes to a cluster that already runs are shown and asked for; a first installation was asked for by the command. */
async function assertWanted(session: RunSession, prepared: Prepared, args: Arguments): Promise<void> {
  const changes = prepared.facts.local.clusterId !== null && prepared.plan.waves.length > 0;
  if (!changes || flag(args, 'yes') || text(args, 'plan') !== undefined) return;
  if (!session.isInteractive) {
    throw new KbinError('USAGE', `${summarizePlan(prepared.plan)} Nobody is here to be asked`, {
      hint: 'Repeat with --yes, or review a plan (kbin plan -o FILE) and give it with --plan FILE. Nothing was changed.',
    });
  }
  for (const line of describePlan(prepared.plan)) session.print(line);
  session.print(summarizePlan(prepared.plan));
  if (!(await confirm(`Apply this to cluster ${session.engine.inventory.cluster}?`))) {
    throw new KbinError('INTERRUPTED', 'nothing was changed');
  }
}

function assertNoneFailed(result: RunResult): void {
  if (result.failed.size === 0) return;
  throw new KbinError('HOSTS', `${result.failed.size} hosts were set aside`, {
    evidence: [...result.failed].map(
      ([host, error]) => `${host}: ${error instanceof Error ? error.message : String(error)}`,
    ),
    hint: 'Mend them and run the same command with --limit @failed.',
  });
}

export const deploy: Command = {
  usage: 'deploy',
  describe: 'make the hosts what the inventory says',
  options: {
    ...INVENTORY_OPTION,
    ...FLEET_OPTIONS,
    ...LIMIT_OPTIONS,
    plan: { type: 'string', describe: 'execute exactly this reviewed plan (kbin plan -o), or refuse' },
    deep: { type: 'boolean', describe: 'hash every binary again', default: false },
    'gate-seconds': { type: 'number', describe: 'how long every gate waits, instead of its own limit' },
    yes: { type: 'boolean', alias: 'y', describe: 'do not ask', default: false },
  },
  run: (args) =>
    withRun(args, 'deploy', async (session) => {
      const maxFail = number(args, 'max-fail') ?? 0;
      const limit = chosenHosts(session, text(args, 'limit'));
      const prepared = await prepare(session.engine, {
        maxFail,
        deep: flag(args, 'deep'),
        ...(limit === undefined ? {} : { limit }),
      });
      await assertReviewed(prepared, text(args, 'plan'));
      await assertWanted(session, prepared, args);
      const gateSeconds = number(args, 'gate-seconds');
      const result = await execute(session.engine, prepared, {
        maxFail,
        ...(gateSeconds === undefined ? {} : { gateSeconds }),
      });
      session.result = result;
      assertNoneFailed(result);
      session.print(result.changed === 0 ? summarizePlan(prepared.plan) : `Done: ${result.changed} steps.`);
      return 0;
    }),
};

import { readFile } from 'node:fs/promises';
import { execute, prepare, prepareAgain, type Prepared, type PrepareOptions } from '../engine/deploy.ts';
import type { RunResult } from '../engine/run.ts';
import { KbinError } from '../errors.ts';
import { describePlan, summarizePlan } from '../plan/describe.ts';
import { assertSamePlan, parsePlan } from '../plan/file.ts';
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
import { IDENTITY_OPTION } from './unlock.ts';

async function assertReviewed(prepared: Prepared, file: string | undefined): Promise<void> {
  if (file === undefined) return;
  const reviewed = parsePlan(await readFile(file, 'utf8'), file);
  assertSamePlan(reviewed, prepared.plan, file);
}

/** Changes to a cluster that already runs are asked for; a first installation was asked for by the command. */
function isToBeAsked(prepared: Prepared, args: Arguments): boolean {
  const changes = prepared.facts.local.clusterId !== null && prepared.plan.waves.length > 0;
  return changes && !flag(args, 'yes') && text(args, 'plan') === undefined;
}

/** Shows the plan and asks for it. */
export async function assertWanted(session: DeploySession, prepared: Prepared): Promise<void> {
  if (!session.isInteractive) {
    throw new KbinError('USAGE', `${summarizePlan(prepared.plan)} Nobody is here to be asked`, {
      hint: 'Repeat with --yes, or review a plan (kbin plan -o FILE) and give it with --plan FILE. Nothing was changed.',
    });
  }
  for (const line of describePlan(prepared.plan)) session.print(line);
  session.print(summarizePlan(prepared.plan));
  if (!(await session.confirm(`Apply this to cluster ${session.engine.inventory.cluster}?`))) {
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

/** What `deploy` needs of a session. */
export type DeploySession = Omit<RunSession, 'fleet'>;

/** The command itself, in a session; `more` is what other commands have it do besides. Returns the exit code; throws KbinError for everything foreseen. */
export async function deployIn(
  session: DeploySession,
  args: Arguments,
  more: Pick<PrepareOptions, 'renew'> = {},
): Promise<number> {
  const { engine } = session;
  const maxFail = number(args, 'max-fail') ?? 0;
  const limit = chosenHosts(session, text(args, 'limit'));
  const options: PrepareOptions = {
    ...more,
    maxFail,
    deep: flag(args, 'deep'),
    ...(limit === undefined ? {} : { limit }),
  };
  let prepared = await prepare(engine, options);
  await assertReviewed(prepared, text(args, 'plan'));
  if (isToBeAsked(prepared, args)) {
    await assertWanted(session, prepared);
    prepared = await prepareAgain(engine, prepared.plan, options);
  }
  const gateSeconds = number(args, 'gate-seconds');
  const result = await execute(engine, prepared, { maxFail, ...(gateSeconds === undefined ? {} : { gateSeconds }) });
  session.result = result;
  assertNoneFailed(result);
  session.print(result.changed === 0 ? summarizePlan(prepared.plan) : `Done: ${result.changed} steps.`);
  return 0;
}

export const deploy: Command = {
  usage: 'deploy',
  describe: 'make the hosts what the inventory says',
  options: {
    ...INVENTORY_OPTION,
    ...FLEET_OPTIONS,
    ...LIMIT_OPTIONS,
    ...IDENTITY_OPTION,
    plan: { type: 'string', describe: 'execute exactly this reviewed plan (kbin plan -o), or refuse' },
    deep: { type: 'boolean', describe: 'hash every binary again', default: false },
    'gate-seconds': { type: 'number', describe: 'how long every gate waits, instead of its own limit' },
    yes: { type: 'boolean', alias: 'y', describe: 'do not ask', default: false },
  },
  run: (args) => withRun(args, 'deploy', (session) => deployIn(session, args)),
};

import { writeFile } from 'node:fs/promises';
import { prepare } from '../engine/deploy.ts';
import { EXIT_CODES } from '../errors.ts';
import { describePlan, summarizePlan } from '../plan/describe.ts';
import { planText } from '../plan/file.ts';
import { flag, FLEET_OPTIONS, INVENTORY_OPTION, LIMIT_OPTIONS, number, text, type Command } from './command.ts';
import { chosenHosts, withRun } from './run.ts';

export const plan: Command = {
  usage: 'plan',
  describe: 'show what deploy would do; changes nothing',
  options: {
    ...INVENTORY_OPTION,
    ...FLEET_OPTIONS,
    ...LIMIT_OPTIONS,
    output: { type: 'string', alias: 'o', describe: 'save the plan, for deploy --plan' },
    deep: { type: 'boolean', describe: 'hash every binary again', default: false },
    'detailed-exitcode': {
      type: 'boolean',
      describe: `exit ${EXIT_CODES.PENDING} when changes are pending`,
      default: false,
    },
  },
  run: (args) =>
    withRun(args, 'plan', async (session) => {
      const limit = chosenHosts(session, text(args, 'limit'));
      const prepared = await prepare(session.engine, {
        maxFail: number(args, 'max-fail') ?? 0,
        deep: flag(args, 'deep'),
        ...(limit === undefined ? {} : { limit }),
      });
      const file = text(args, 'output');
      if (file !== undefined) await writeFile(file, planText(prepared.plan), { mode: 0o600 });
      for (const line of describePlan(prepared.plan)) session.print(line);
      const unseen = Object.keys(prepared.facts.unreachable);
      if (unseen.length > 0) session.print(`Not looked at, because they cannot be reached: ${unseen.join(', ')}.`);
      if (unseen.length === 0 || prepared.plan.waves.length > 0) session.print(summarizePlan(prepared.plan));
      return flag(args, 'detailed-exitcode') && prepared.plan.waves.length > 0 ? EXIT_CODES.PENDING : 0;
    }),
};

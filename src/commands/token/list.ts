import { listTokens, type BootstrapToken } from '../../engine/bootstrapTokens.ts';
import { tableLines } from '../../ui/table.ts';
import { flag, INVENTORY_OPTION, type Command } from '../command.ts';
import { lengthOfTime, shortTime } from '../kubeconfig/lifetime.ts';
import { withRun } from '../run.ts';
import { systemClock } from '../session.ts';

const timeOf = ({ expires }: BootstrapToken): string | null =>
  expires === null ? null : shortTime(new Date(expires).toISOString());

function tableOf(tokens: readonly BootstrapToken[], now: number): string[] {
  if (tokens.length === 0) return ['There are no bootstrap tokens.'];
  const rows = tokens.map((token) => {
    const { id, expires, groups, description } = token;
    const left = expires === null ? '-' : expires <= now ? 'expired' : lengthOfTime(expires - now);
    return [id, timeOf(token) ?? 'never', left, groups.join(', ') || '-', description || '-'];
  });
  return tableLines(['ID', 'EXPIRES', 'REMAINING', 'GROUPS', 'DESCRIPTION'], rows);
}

export const listed: Command = {
  usage: 'token list',
  describe: 'bootstrap tokens, without their secret half',
  options: { ...INVENTORY_OPTION, json: { type: 'boolean', describe: 'JSON', default: false } },
  run: async (args) => {
    let tokens: BootstrapToken[] = [];
    const exitCode = await withRun(args, { command: 'token list', screen: process.stderr }, async ({ engine }) => {
      tokens = await listTokens(engine.world.api(new Set()));
      return 0;
    });
    const json = tokens.map((token) => ({ ...token, expires: timeOf(token) }));
    const lines = flag(args, 'json') ? [JSON.stringify(json, null, 1)] : tableOf(tokens, systemClock.now());
    for (const line of lines) process.stdout.write(`${line}\n`);
    return exitCode;
  },
};

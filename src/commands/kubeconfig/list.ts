import { loadInventory } from '../../inventory/load.ts';
import { readIssued } from '../../pki/kubeconfigLedger.ts';
import type { IssuedUser } from '../../pki/userCertificate.ts';
import { tableLines } from '../../ui/table.ts';
import { flag, INVENTORY_OPTION, text, type Command } from '../command.ts';
import { ledgerFile } from './cluster.ts';
import { lengthOfTime, shortTime } from './lifetime.ts';

export const listIssued: Command = {
  usage: 'kubeconfig list',
  describe: 'which kubeconfigs were issued, and until when they are valid',
  options: {
    ...INVENTORY_OPTION,
    json: { type: 'boolean', describe: 'JSON', default: false },
  },
  run: async (args) => {
    const { cluster } = await loadInventory(text(args, 'inventory') ?? '');
    const issued = readIssued(ledgerFile(cluster)).toSorted(byExpiry);
    const now = Date.now();
    const lines = flag(args, 'json') ? [jsonOf(issued, now)] : tableOf(issued, { now, cluster });
    for (const line of lines) process.stdout.write(`${line}\n`);
    return 0;
  },
};

const byExpiry = (a: IssuedUser, b: IssuedUser): number => Date.parse(a.expires) - Date.parse(b.expires);

const remaining = ({ expires }: IssuedUser, now: number): number => Math.max(0, Date.parse(expires) - now);

function jsonOf(issued: readonly IssuedUser[], now: number): string {
  const rows = issued.map((one) => ({
    ...one,
    remainingSeconds: Math.floor(remaining(one, now) / 1000),
    expired: remaining(one, now) === 0,
  }));
  return JSON.stringify(rows, null, 1);
}

function tableOf(issued: readonly IssuedUser[], { now, cluster }: { now: number; cluster: string }): string[] {
  if (issued.length === 0) return [`No kubeconfigs were issued for cluster ${cluster}.`];
  const rows = issued.map((one) => {
    const left = remaining(one, now);
    const state = left === 0 ? ['-', 'expired'] : [lengthOfTime(left), 'valid'];
    return [one.name, one.groups.join(', ') || '-', one.serial, shortTime(one.expires), ...state];
  });
  return tableLines(['NAME', 'GROUPS', 'SERIAL', 'EXPIRES', 'REMAINING', 'STATE'], rows);
}

import {
  compact,
  defragment,
  disarm,
  moveLeader,
  reclaim,
  restart,
  type MaintainOptions,
} from '../../etcd/maintain.ts';
import type { EtcdGround } from '../../etcd/hosts.ts';
import { flag, number, text, type Arguments, type Command, type Option } from '../command.ts';
import { withRun } from '../run.ts';
import { ETCD_OPTIONS, GATE_OPTION, groundOf } from './ground.ts';
import { MAINTAIN_WORDS, type MaintainWord } from './words.ts';

/** A command that does one thing to etcd and says what came of it. */
interface Row {
  describe: string;
  options?: Readonly<Record<string, Option>>;
  run: (ground: EtcdGround, args: Arguments, options: MaintainOptions) => Promise<string>;
}

const ROWS: Readonly<Record<MaintainWord, Row>> = {
  defrag: {
    describe: 'give free space of the database files back to the disk, one member at a time, the leader last',
    options: {
      ...GATE_OPTION,
      force: { type: 'boolean', describe: 'also where little would be won', default: false },
    },
    run: async (ground, args, options) => {
      const hosts = await defragment(ground, { ...options, isForced: flag(args, 'force') });
      return hosts.length === 0 ? 'Nothing to do: no member would win much.' : `Defragmented: ${hosts.join(', ')}.`;
    },
  },
  compact: {
    describe: 'forget all revisions but the newest, as kube-apiserver does every five minutes',
    run: async (ground) => `Compacted up to revision ${await compact(ground)}.`,
  },
  disarm: {
    describe: 'take alarms back whose cause is gone',
    options: {
      alarm: { type: 'string', describe: 'which', choices: ['NOSPACE', 'CORRUPT'], default: 'NOSPACE' },
    },
    run: async (ground, args) => {
      const kind = text(args, 'alarm') ?? 'NOSPACE';
      return `Alarms ${kind} taken back: ${await disarm(ground, kind)}.`;
    },
  },
  reclaim: {
    describe: 'the way out of alarm NOSPACE: compact, defragment every member, disarm, prove a write',
    options: GATE_OPTION,
    run: async (ground, _, options) => {
      await reclaim(ground, options);
      return 'etcd takes writes again. Find what filled it (kbin etcd status), or raise quota-backend-bytes.';
    },
  },
  'move-leader': {
    describe: 'hand leadership to another member',
    options: { to: { type: 'string', describe: 'its host; any other without' } },
    run: async (ground, args) => `Leads now: ${await moveLeader(ground, text(args, 'to'))}.`,
  },
  restart: {
    describe: 'restart members one at a time, each behind its gate, the leader last',
    options: GATE_OPTION,
    run: async (ground, _, options) => `Restarted: ${(await restart(ground, options)).join(', ')}.`,
  },
};

const commandOf = (word: MaintainWord, { describe, options = {}, run }: Row): Command => ({
  usage: `etcd ${word}`,
  describe,
  options: { ...ETCD_OPTIONS, ...options },
  run: (args) =>
    withRun(args, `etcd ${word}`, async (session) => {
      const gateSeconds = number(args, 'gate-seconds');
      session.print(await run(groundOf(session), args, gateSeconds === undefined ? {} : { gateSeconds }));
      return 0;
    }),
});

/** Commands that keep etcd in order, by their second word. */
export const MAINTAIN = Object.fromEntries(
  MAINTAIN_WORDS.map((word) => [word, commandOf(word, ROWS[word])]),
) as Readonly<Record<MaintainWord, Command>>;

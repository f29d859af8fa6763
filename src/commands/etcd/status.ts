import { etcdReport, isWell, type EtcdReport, type MemberReport } from '../../etcd/status.ts';
import { EXIT_CODES } from '../../errors.ts';
import { tableLines } from '../../ui/table.ts';
import { size } from '../../ui/words.ts';
import { flag, INVENTORY_OPTION, number, type Command } from '../command.ts';
import { withRun } from '../run.ts';
import { systemClock } from '../session.ts';
import { groundOf } from './ground.ts';

const milliseconds = (seconds: number | undefined): string =>
  seconds === undefined ? '-' : `${(seconds * 1000).toFixed(1)} ms`;

function rowOf({ host, role, status, disk, lag, alarms, faults }: MemberReport): string[] {
  const wrong = [...alarms.map((alarm) => `alarm ${alarm}`), ...faults].join('; ') || 'well';
  if (status === undefined) return [host, role, '-', '-', '-', '-', '-', '-', wrong];
  const { dbBytes, dbInUseBytes, dbQuotaBytes } = status;
  const quota = dbQuotaBytes === undefined ? '' : ` of ${size(dbQuotaBytes)}`;
  return [
    host,
    role,
    status.version,
    `${size(dbBytes)}${quota}`,
    size(dbInUseBytes),
    `${status.raftTerm}/${status.raftIndex}`,
    String(lag ?? '-'),
    `${milliseconds(disk?.walFsync?.p99)} / ${milliseconds(disk?.backendCommit?.p99)}`,
    wrong,
  ];
}

const HEADER = ['MEMBER', 'ROLE', 'VERSION', 'DATABASE', 'IN USE', 'TERM/INDEX', 'LAG', 'FSYNC / COMMIT P99', 'STATE'];

/** The report as lines of a table, worst first. */
export const reportLines = ({ clusterId, members, strangers, hasQuorum }: EtcdReport): string[] => [
  `etcd ${clusterId ?? 'does not answer'}: ${hasQuorum ? 'has quorum' : 'HAS NO QUORUM'}`,
  ...tableLines(HEADER, members.map(rowOf)),
  ...strangers.map(({ name, id }) => `${name || id} is a member that the inventory does not have`),
];

const POLL_MILLISECONDS = 2000;

export const status: Command = {
  usage: 'etcd status',
  describe: 'members of etcd: leader, lag, sizes, alarms, disk latency; the worst first',
  options: {
    ...INVENTORY_OPTION,
    json: { type: 'boolean', describe: 'JSON', default: false },
    watch: { type: 'boolean', describe: 'again every two seconds, until it is interrupted', default: false },
    times: { type: 'number', describe: 'with --watch: how often at most' },
  },
  run: (args) =>
    withRun(args, { command: 'etcd status', screen: process.stderr }, async (session) => {
      const { signal } = session.engine;
      let left = flag(args, 'watch') ? (number(args, 'times') ?? Infinity) : 1;
      for (;;) {
        const report = await etcdReport(groundOf(session));
        const lines = flag(args, 'json') ? [JSON.stringify({ well: isWell(report), ...report })] : reportLines(report);
        for (const line of lines) process.stdout.write(`${line}\n`);
        left -= 1;
        if (left <= 0 || signal.aborted) return isWell(report) ? 0 : EXIT_CODES.PENDING;
        await systemClock.pause(POLL_MILLISECONDS, signal);
      }
    }),
};

import { mkdir } from 'node:fs/promises';
import { KbinError } from '../../errors.ts';
import { rehearse as rehearseSnapshot, type Rehearsal } from '../../etcd/rehearse.ts';
import { proveFile } from '../../etcd/snapshotFile.ts';
import { tableLines } from '../../ui/table.ts';
import { flag, text, type Command } from '../command.ts';
import { withRun, type RunSession } from '../run.ts';
import { ETCD_OPTIONS } from './ground.ts';
import { openSnapshot } from './openSnapshot.ts';
import { operatorsEtcd, spoolOf } from './programs.ts';

async function programsOf(session: RunSession): Promise<{ etcd: string; etcdutl: string }> {
  const { etcd: version } = session.engine.inventory.versions;
  const [etcd, etcdutl] = await Promise.all([
    operatorsEtcd(session, 'etcd', version),
    operatorsEtcd(session, 'etcdutl', version),
  ]);
  if (etcd !== undefined && etcdutl !== undefined) return { etcd, etcdutl };
  throw new KbinError('CACHE', `the cache has no etcd ${version} that runs on this machine`, {
    hint: 'Import one for it (kbin cache import), or rehearse on a Linux machine.',
  });
}

const linesOf = ({ revision, keys, hashKv, kinds, seconds }: Rehearsal): string[] => [
  `An etcd with it led after ${seconds.toFixed(1)} s: revision ${revision}, ${keys} keys, all read, HashKV ${hashKv}.`,
  ...tableLines(
    ['KIND', 'OBJECTS'],
    Object.entries(kinds).map(([kind, count]) => [kind === '' ? '(not of Kubernetes)' : kind, String(count)]),
  ),
];

export const rehearse: Command = {
  usage: 'etcd rehearse <file>',
  describe: 'prove a snapshot in a throw-away etcd on this machine: start it, read everything, count, remove it',
  options: ETCD_OPTIONS,
  run: (args) =>
    withRun(args, { command: 'etcd rehearse', screen: process.stderr }, async (session) => {
      const { engine } = session;
      const spool = spoolOf(engine.inventory.cluster);
      await mkdir(spool, { recursive: true, mode: 0o700 });
      const programs = await programsOf(session);
      const opened = await openSnapshot(session, text(args, 'file') ?? '', args);
      try {
        await proveFile(opened.path);
        const seen = await rehearseSnapshot({ path: opened.path, programs, spool, clock: engine.clock });
        const lines = flag(args, 'json') ? [JSON.stringify(seen)] : linesOf(seen);
        for (const line of lines) process.stdout.write(`${line}\n`);
      } finally {
        await opened.dispose();
      }
      return 0;
    }),
};

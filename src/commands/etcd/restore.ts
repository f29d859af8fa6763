import { KbinError } from '../../errors.ts';
import { snapshotStatus } from '../../etcd/etcdutl.ts';
import { restore as restoreSnapshot, undoRestore, type ProvedSnapshot } from '../../etcd/restore.ts';
import { proveFile, revisionOf } from '../../etcd/snapshotFile.ts';
import { confirmName } from '../../ui/confirm.ts';
import { size } from '../../ui/words.ts';
import { flag, number, text, type Arguments, type Command } from '../command.ts';
import { withRun, type RunSession } from '../run.ts';
import { ETCD_OPTIONS, GATE_OPTION, groundOf } from './ground.ts';
import { openSnapshot, type OpenSnapshot } from './openSnapshot.ts';
import { operatorsEtcd } from './programs.ts';

/** Everything that can be known of it before anything is stopped. Throws STEP, REFUSED. */
async function prove(session: RunSession, { path, manifest }: OpenSnapshot, args: Arguments): Promise<ProvedSnapshot> {
  const { inventory, pki } = session.engine;
  const database = await proveFile(path);
  const id = await pki.clusterId();
  if (manifest !== undefined && manifest.database.sha256 !== database.sha256)
    throw new KbinError('REFUSED', `${path} is not the snapshot that its manifest describes`, {
      hint: 'Use the file and the manifest of one snapshot. Nothing was changed.',
    });
  if (manifest !== undefined && manifest.clusterId !== id && !flag(args, 'other-cluster'))
    throw new KbinError(
      'REFUSED',
      `the snapshot is of cluster ${manifest.cluster} (${manifest.clusterId}), not of ${inventory.cluster} (${id ?? 'none'})`,
      {
        hint: 'Put that cluster’s certificate store back first (kbin certs restore), or name --other-cluster. Nothing was changed.',
      },
    );
  const program = await operatorsEtcd(session, 'etcdutl', inventory.versions.etcd);
  if (program !== undefined) await snapshotStatus(program, path);
  return { path, ...database, revision: await revisionOf(path) };
}

async function agree(session: RunSession, question: string, args: Arguments): Promise<void> {
  const { cluster } = session.engine.inventory;
  const typed = text(args, 'confirm');
  const isMeant = typed === undefined ? await confirmName(`${question} Type its name:`, cluster) : typed === cluster;
  if (isMeant) return;
  throw new KbinError('REFUSED', 'the cluster’s name was not given; nothing was changed', {
    hint: `Repeat with --confirm ${cluster}.`,
  });
}

async function restoreIn(session: RunSession, file: string, args: Arguments): Promise<void> {
  const { cluster } = session.engine.inventory;
  const gateSeconds = number(args, 'gate-seconds');
  const options = gateSeconds === undefined ? {} : { gateSeconds };
  if (flag(args, 'undo')) {
    await agree(session, `This puts back what etcd of cluster ${cluster} held before the restore.`, args);
    session.print(`The restore ${await undoRestore(groundOf(session), options)} was taken back.`);
    return;
  }
  const opened = await openSnapshot(session, file, args);
  try {
    const snapshot = await prove(session, opened, args);
    session.print(
      `${file}: ${size(snapshot.bytes)}, revision ${snapshot.revision ?? '?'}, taken ${opened.manifest?.takenAt ?? 'at an unknown time'}`,
    );
    await agree(session, `This replaces everything that etcd of cluster ${cluster} holds.`, args);
    const run = await restoreSnapshot(groundOf(session), snapshot, options);
    session.print(`Restored. The old data is kept on the members, in /var/lib/etcd/.kbin-restore/${run}/old.`);
    session.print('To go back to it: kbin etcd restore --undo.');
  } finally {
    await opened.dispose();
  }
}

export const restore: Command = {
  usage: 'etcd restore [file]',
  describe: 'put a snapshot in the place of everything that etcd holds; the old data is kept',
  options: {
    ...ETCD_OPTIONS,
    ...GATE_OPTION,
    confirm: { type: 'string', describe: 'the cluster’s name, instead of being asked for it' },
    undo: { type: 'boolean', describe: 'go back to the data before the restore', default: false },
    'other-cluster': { type: 'boolean', describe: 'also a snapshot of another cluster', default: false },
  },
  run: (args) => {
    const file = text(args, 'file');
    if ((file === undefined) !== flag(args, 'undo'))
      throw new KbinError('USAGE', 'a snapshot or --undo', { hint: 'Name the one that is meant.' });
    return withRun(args, 'etcd restore', async (session) => {
      await restoreIn(session, file ?? '', args);
      session.result = { changed: 1, failed: new Map() };
      return 0;
    });
  },
};

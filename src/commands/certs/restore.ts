import { readFileSync, statSync } from 'node:fs';
import { KbinError } from '../../errors.ts';
import { loadInventory } from '../../inventory/load.ts';
import { pkiFolder } from '../../paths.ts';
import { ageBytes, kindOf } from '../../pki/age.ts';
import { type Backup, maxBackupBytes, readBackup } from '../../pki/backupFormat.ts';
import { restore as restoreStore, type Restored } from '../../pki/restore.ts';
import { flag, text, type Arguments, type Command } from '../command.ts';
import { ledgerFile } from '../kubeconfig/cluster.ts';
import { systemClock } from '../session.ts';
import { IDENTITY_OPTION, identityOf } from '../unlock.ts';

export const restore: Command = {
  usage: 'certs restore <file>',
  describe: 'put the certificate store of a backup in its place',
  options: {
    inventory: { type: 'string', alias: 'i', describe: 'inventory of the cluster' },
    cluster: { type: 'string', describe: 'its name, where there is no inventory' },
    ...IDENTITY_OPTION,
    force: { type: 'boolean', describe: 'replace another or a newer store; it is kept aside', default: false },
  },
  run: async (args) => {
    const file = text(args, 'file') ?? '';
    const cluster = await clusterOf(args);
    const backup = await opened(file, args);
    if (backup.cluster !== cluster)
      throw new KbinError('REFUSED', `${file} is a backup of cluster ${backup.cluster}, not of ${cluster}`, {
        hint: `Write --cluster ${backup.cluster}, or name its inventory. Nothing was restored.`,
      });
    const places = { pki: pkiFolder(cluster), ledger: ledgerFile(cluster) };
    const restored = await restoreStore(backup, places, { isForced: flag(args, 'force'), now: systemClock.now() });
    for (const line of toldOf(backup, restored, places.pki)) process.stdout.write(`${line}\n`);
    return 0;
  },
};

async function clusterOf(args: Arguments): Promise<string> {
  const [inventory, cluster] = [text(args, 'inventory'), text(args, 'cluster')];
  if ((inventory === undefined) === (cluster === undefined))
    throw new KbinError('USAGE', 'one of -i and --cluster says whose store it is', {
      hint: 'Write -i INVENTORY, or --cluster NAME where there is no inventory.',
    });
  return cluster ?? (await loadInventory(inventory ?? '')).cluster;
}

async function opened(file: string, args: Arguments): Promise<Backup> {
  const ask = identityOf(args);
  const { bytes, kind } = read(file);
  const identity = await ask({ what: `${file} is encrypted`, kind });
  const backup = await readBackup(bytes, identity, file);
  if (backup !== undefined) return backup;
  const what = kind === 'passphrase' ? 'the passphrase' : 'the identity';
  throw new KbinError('PKI', `${what} that was given does not open ${file}`, {
    hint: 'Run the same command again with the right one. Nothing was restored.',
  });
}

function read(file: string): { bytes: Uint8Array; kind: 'passphrase' | 'keys' } {
  const bytes = bytesOf(file);
  const kind = kindOf(bytes);
  if (kind !== undefined) return { bytes, kind };
  throw new KbinError('PKI', `${file} is not encrypted with age, so it is no backup of kbin`, {
    hint: 'kbin certs backup makes one. Nothing was restored.',
  });
}

function bytesOf(file: string): Uint8Array {
  try {
    if (statSync(file).size > 2 * maxBackupBytes) throw new Error('it is too large');
    return ageBytes(readFileSync(file));
  } catch (cause) {
    throw new KbinError('USAGE', `${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

function toldOf({ cluster, clusterId, madeAt }: Backup, restored: Restored, place: string): string[] {
  const { aside, isUnchanged, certificates, isLocked } = restored;
  const keys = isLocked ? ', its CA keys locked' : '';
  return [
    `Cluster ${cluster} (${clusterId}) as it was ${madeAt}: ${certificates} certificates and key pairs${keys}.`,
    isUnchanged ? `All of it is in ${place} already.` : `Restored to ${place}.`,
    ...aside.map((path) => `What was there: ${path}`),
  ];
}

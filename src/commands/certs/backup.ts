import { existsSync } from 'node:fs';
import { KbinError } from '../../errors.ts';
import { loadInventory } from '../../inventory/load.ts';
import { Secret } from '../../model/secret.ts';
import { pkiFolder } from '../../paths.ts';
import { backUp } from '../../pki/backup.ts';
import { version } from '../../version.ts';
import { INVENTORY_OPTION, text, type Command } from '../command.ts';
import { ledgerFile } from '../kubeconfig/cluster.ts';
import { systemClock } from '../session.ts';
import { PASSPHRASE_VARIABLE } from '../unlock.ts';
import { AUDIENCE_OPTIONS, audienceOf } from './audience.ts';
import { writeOutputs } from './outputFiles.ts';

export const backup: Command = {
  usage: 'certs backup',
  describe: 'the whole certificate store as one encrypted file',
  options: {
    ...INVENTORY_OPTION,
    output: { type: 'string', alias: 'o', describe: 'file to write (0600); one that is there stays', required: true },
    ...AUDIENCE_OPTIONS,
  },
  run: async (args) => {
    const file = text(args, 'output') ?? '';
    refuseExisting(file);
    const { cluster } = await loadInventory(text(args, 'inventory') ?? '');
    const audience = await audienceOf(args, { question: `Passphrase of ${file}:`, variable: PASSPHRASE_VARIABLE });
    const places = { pki: pkiFolder(cluster), ledger: ledgerFile(cluster) };
    const about = { cluster, kbin: version, now: systemClock.now() };
    const { bytes, clusterId, files } = await backUp(places, about, audience);
    writeOutputs([{ path: file, body: new Secret(Buffer.from(bytes)), mode: 0o600 }], false);
    process.stdout.write(`${file}: cluster ${cluster} (${clusterId}), ${files} files, ${bytes.length} bytes.\n`);
    return 0;
  },
};

/** Before anything is asked; a backup never takes the place of another one. */
function refuseExisting(file: string): void {
  if (existsSync(file))
    throw new KbinError('USAGE', `${file} is already there`, { hint: 'Name a new file. Nothing was written.' });
}

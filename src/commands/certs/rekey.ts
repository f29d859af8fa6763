import { loadInventory } from '../../inventory/load.ts';
import { pkiFolder } from '../../paths.ts';
import { assertLocked, rekeyStore } from '../../pki/locking.ts';
import { INVENTORY_OPTION, text, type Command } from '../command.ts';
import { IDENTITY_OPTION, unlockOf } from '../unlock.ts';
import { AUDIENCE_OPTIONS, audienceOf } from './audience.ts';

const NEW_PASSPHRASE_VARIABLE = 'KBIN_AGE_NEW_PASSPHRASE';

export const rekey: Command = {
  usage: 'certs rekey',
  describe: 'lock the keys of the authorities for other recipients, or with another passphrase',
  options: { ...INVENTORY_OPTION, ...AUDIENCE_OPTIONS, ...IDENTITY_OPTION },
  run: async (args) => {
    const { cluster } = await loadInventory(text(args, 'inventory') ?? '');
    const directory = pkiFolder(cluster);
    assertLocked(directory);
    const question = `New passphrase for the CA keys of ${cluster}:`;
    const audience = await audienceOf(args, { question, variable: NEW_PASSPHRASE_VARIABLE });
    const keys = await rekeyStore(directory, unlockOf(args), audience);
    process.stdout.write(`Locked anew: ${keys.length === 0 ? 'there is none yet' : keys.join(', ')}.\n`);
    process.stdout.write('Backups that were made before still open with what opened these keys then.\n');
    return 0;
  },
};

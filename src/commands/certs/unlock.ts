import { loadInventory } from '../../inventory/load.ts';
import { pkiFolder } from '../../paths.ts';
import { unlockStore } from '../../pki/locking.ts';
import { INVENTORY_OPTION, text, type Command } from '../command.ts';
import { IDENTITY_OPTION, unlockOf } from '../unlock.ts';

export const unlock: Command = {
  usage: 'certs unlock',
  describe: 'make locked keys readable again, for good',
  options: { ...INVENTORY_OPTION, ...IDENTITY_OPTION },
  run: async (args) => {
    const { cluster } = await loadInventory(text(args, 'inventory') ?? '');
    const keys = await unlockStore(pkiFolder(cluster), unlockOf(args));
    const which = keys.length === 0 ? 'there is none yet' : keys.join(', ');
    process.stdout.write(`Readable again: ${which}. Whoever reads these files owns cluster ${cluster}.\n`);
    return 0;
  },
};

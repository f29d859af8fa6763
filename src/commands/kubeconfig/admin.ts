import { INVENTORY_OPTION, type Command } from '../command.ts';
import { entryOf, openCluster } from './cluster.ts';
import { deliver } from './delivery.ts';
import { DELIVERY_OPTIONS, destinationOf, wishesOf } from './options.ts';

const USER = 'kubernetes-admin';

export const admin: Command = {
  usage: 'kubeconfig',
  describe: 'the administrator’s kubeconfig, pinned to this cluster',
  options: { ...INVENTORY_OPTION, ...DELIVERY_OPTIONS },
  run: async (args) => {
    const destination = destinationOf(args);
    const wishes = wishesOf(args);
    const opened = await openCluster(args);
    const { inventory, store } = opened;
    const [certificate, key] = await Promise.all([
      store.read({ certificate: 'admin', part: 'certificate' }),
      store.read({ certificate: 'admin', part: 'key' }),
    ]);
    const { cluster } = inventory;
    // Among other clusters in one file, kubernetes-admin alone would be ambiguous.
    const user = `${USER}@${cluster}`;
    const context = destination.kind === 'merge' ? user : cluster;
    const told = await deliver(
      { ...entryOf(opened, wishes), user, certificate: certificate.reveal(), key, context, ...wishes },
      destination,
    );
    for (const line of told) process.stdout.write(`${line}\n`);
    return 0;
  },
};

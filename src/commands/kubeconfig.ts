import { writeFile } from 'node:fs/promises';
import { loadInventory } from '../inventory/load.ts';
import { KbinError } from '../errors.ts';
import { pkiFolder } from '../paths.ts';
import { operatorKubeconfig } from '../pki/kubeconfig.ts';
import { openPkiStore } from '../pki/store.ts';
import { INVENTORY_OPTION, text, type Command } from './command.ts';

export const kubeconfig: Command = {
  usage: 'kubeconfig',
  describe: 'the administrator’s kubeconfig, pinned to this cluster',
  options: {
    ...INVENTORY_OPTION,
    output: { type: 'string', alias: 'o', describe: 'file to write (0600); standard output without' },
  },
  run: async (args) => {
    const inventory = await loadInventory(text(args, 'inventory') ?? '');
    const store = openPkiStore(pkiFolder(inventory.cluster));
    if ((await store.clusterId()) === null) {
      throw new KbinError('PKI', `there are no certificates of cluster ${inventory.cluster} here`, {
        hint: `Run kbin deploy first; they are kept in ${pkiFolder(inventory.cluster)}.`,
      });
    }
    const [ca, certificate, key] = await Promise.all([
      store.read({ certificate: 'ca', part: 'certificate' }),
      store.read({ certificate: 'admin', part: 'certificate' }),
      store.read({ certificate: 'admin', part: 'key' }),
    ]);
    const body = operatorKubeconfig({
      cluster: inventory.cluster,
      server: `https://${inventory.endpoint.host}:${inventory.endpoint.port}`,
      user: 'kubernetes-admin',
      ca: ca.reveal(),
      certificate: certificate.reveal(),
      key: key.reveal(),
    });
    const file = text(args, 'output');
    if (file === undefined) process.stdout.write(body);
    else await writeFile(file, body, { mode: 0o600 });
    return 0;
  },
};

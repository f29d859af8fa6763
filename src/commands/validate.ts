import { loadInventory } from '../inventory/load.ts';
import { INVENTORY_OPTION, text, type Command } from './command.ts';

export const validate: Command = {
  usage: 'validate',
  describe: 'check the inventory without any connection: every fault at once',
  options: INVENTORY_OPTION,
  run: async (args) => {
    const inventory = await loadInventory(text(args, 'inventory') ?? '');
    const count = (role: string): number =>
      inventory.hosts.filter((host) => (host.roles as string[]).includes(role)).length;
    process.stdout.write(
      `${inventory.file} is right: cluster ${inventory.cluster}, Kubernetes ${inventory.versions.kubernetes}, ${inventory.hosts.length} hosts ` +
        `(${count('etcd')} etcd, ${count('control-plane')} control-plane, ${count('worker')} worker)\n`,
    );
    return 0;
  },
};

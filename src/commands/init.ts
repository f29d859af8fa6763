import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KbinError } from '../errors.ts';
import { packageRoot } from '../paths.ts';
import { text, type Command } from './command.ts';

const KINDS = ['single', 'ha-stacked', 'ha-external-etcd', 'existing-etcd', 'airgap', 'reference'] as const;

export const init: Command = {
  usage: 'init [file]',
  describe: 'write a commented inventory to start from',
  options: {
    kind: { type: 'string', describe: 'which topology', choices: KINDS, default: 'ha-stacked' },
  },
  run: async (args) => {
    const file = text(args, 'file') ?? 'cluster.yaml';
    const source = join(packageRoot(), 'inventory', `${text(args, 'kind') ?? 'ha-stacked'}.yaml`);
    await writeFile(file, await readFile(source, 'utf8'), { flag: 'wx' }).catch((cause: unknown) => {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
      throw new KbinError('USAGE', `${file} is already there`, { hint: 'Name another file: kbin init FILE.', cause });
    });
    process.stdout.write(`${file} is written. Edit name, hosts and ssh, then: kbin validate -i ${file}\n`);
    return 0;
  },
};

import { rename } from 'node:fs/promises';
import { KbinError } from '../errors.ts';
import { observe } from '../engine/observe.ts';
import { resetHosts } from '../engine/reset.ts';
import { pkiFolder } from '../paths.ts';
import { confirmName } from '../ui/confirm.ts';
import { FLEET_OPTIONS, INVENTORY_OPTION, LIMIT_OPTIONS, number, text, type Command } from './command.ts';
import { chosenHosts, withRun } from './run.ts';

export const reset: Command = {
  usage: 'reset',
  describe: 'remove from hosts everything that kbin wrote, and nothing else; the data of etcd and containers too',
  options: {
    ...INVENTORY_OPTION,
    ...FLEET_OPTIONS,
    ...LIMIT_OPTIONS,
    confirm: { type: 'string', describe: 'the cluster’s name, instead of being asked for it' },
  },
  run: (args) =>
    withRun(args, 'reset', async (session) => {
      const { engine } = session;
      const { cluster } = engine.inventory;
      const limit = chosenHosts(session, text(args, 'limit'));
      const facts = await observe(engine);
      const hosts = Object.keys(facts.hosts).filter((host) => limit?.has(host) ?? true);
      const owned = hosts.filter((host) => facts.hosts[host]?.owned !== null);
      if (owned.length === 0) {
        session.print('Nothing to do: kbin wrote nothing on these hosts.');
        return 0;
      }
      const typed = text(args, 'confirm');
      const isConfirmed =
        typed === undefined
          ? await confirmName(`This destroys cluster ${cluster} on ${owned.join(', ')}. Type its name:`, cluster)
          : typed === cluster;
      if (!isConfirmed)
        throw new KbinError('REFUSED', 'the cluster’s name was not given; nothing was changed', {
          hint: `Repeat with --confirm ${cluster}.`,
        });
      const failed = await resetHosts(engine, facts, owned);
      session.result = { changed: owned.length - failed.size, failed };
      if (failed.size > (number(args, 'max-fail') ?? 0)) {
        throw new KbinError('HOSTS', `${failed.size} of ${owned.length} hosts were not reset`, {
          evidence: [...failed].map(([host, error]) => `${host}: ${String(error)}`),
          hint: 'Run the same command again.',
        });
      }
      if (limit === undefined && failed.size === 0 && Object.keys(facts.unreachable).length === 0) {
        const aside = `${pkiFolder(cluster)}.reset-${engine.run}`;
        await rename(pkiFolder(cluster), aside).catch((error: unknown) => {
          if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        });
        session.print(`The cluster’s certificates were kept in ${aside}.`);
      }
      session.print(`${owned.length} hosts were reset.`);
      const unseen = Object.keys(facts.unreachable).filter((host) => limit?.has(host) ?? true);
      if (unseen.length > (number(args, 'max-fail') ?? 0)) {
        throw new KbinError('HOSTS', `${unseen.join(', ')} could not be reached and were not reset`, {
          hint: 'Run the same command again when they are back. The certificates are kept until then.',
        });
      }
      return 0;
    }),
};

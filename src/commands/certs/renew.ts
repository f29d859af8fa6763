import type { Engine } from '../../engine/engine.ts';
import { KbinError } from '../../errors.ts';
import type { HostName } from '../../model/inventory.ts';
import type { CertificateName } from '../../model/pki.ts';
import { certificateSpecs } from '../../pki/catalog.ts';
import { FLEET_OPTIONS, INVENTORY_OPTION, LIMIT_OPTIONS, list, text, type Command } from '../command.ts';
import { deployIn } from '../deploy.ts';
import { globOf } from '../limit.ts';
import { chosenHosts, withRun } from '../run.ts';
import { IDENTITY_OPTION } from '../unlock.ts';

interface Choice {
  /** Names with `*` and `?`: of a row (`apiserver`, `etcd-*`) or of one host's certificate (`kubelet@cp-1`). */
  patterns: readonly string[];
  limit: ReadonlySet<HostName> | undefined;
}

/**
 * Certificates that are renewed: no authority, and with a limit only those of its hosts.
 * @throws KbinError USAGE for a pattern that fits none.
 */
export function renewedNames(
  { inventory, rows }: Pick<Engine, 'inventory' | 'rows'>,
  choice: Choice,
): Set<CertificateName> {
  const leaves = certificateSpecs(inventory, rows).certificates.filter(({ isAuthority }) => !isAuthority);
  const isNamed = (name: CertificateName, pattern: string): boolean =>
    globOf(pattern).test(name) || globOf(pattern).test(name.split('@')[0] ?? '');
  for (const pattern of choice.patterns) {
    if (leaves.some(({ name }) => isNamed(name, pattern))) continue;
    const known = [...new Set(leaves.map(({ name }) => name.split('@')[0]))];
    throw new KbinError('USAGE', `--name: no certificate "${pattern}"`, {
      hint: `There are ${known.join(', ')}; one host's own is NAME@HOST. Authorities are rotated: kbin certs rotate-ca.`,
    });
  }
  const { patterns, limit } = choice;
  const chosen = leaves
    .filter(({ name }) => patterns.length === 0 || patterns.some((pattern) => isNamed(name, pattern)))
    .filter(({ host }) => limit === undefined || (host !== undefined && limit.has(host)));
  return new Set(chosen.map(({ name }) => name));
}

export const renew: Command = {
  usage: 'certs renew',
  describe: 'issue certificates again and roll them out, one member at a time',
  options: {
    ...INVENTORY_OPTION,
    ...FLEET_OPTIONS,
    ...LIMIT_OPTIONS,
    ...IDENTITY_OPTION,
    name: { type: 'array', describe: 'only these: rows or NAME@HOST, with * and ?; repeatable. All without' },
    'gate-seconds': { type: 'number', describe: 'how long every gate waits, instead of its own limit' },
    yes: { type: 'boolean', alias: 'y', describe: 'do not ask', default: false },
  },
  run: (args) =>
    withRun(args, 'certs renew', (session) => {
      const limit = chosenHosts(session, text(args, 'limit'));
      const names = renewedNames(session.engine, { patterns: list(args, 'name'), limit });
      return deployIn(session, args, { renew: names });
    }),
};

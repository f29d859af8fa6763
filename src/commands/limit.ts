import { KbinError } from '../errors.ts';
import { ROLES, type Host, type HostName, type Inventory } from '../model/inventory.ts';

/** A pattern with `*` and `?`, for whole names. */
export const globOf = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replace(/\*/g, '.*')
      .replace(/\?/g, '.')}$`,
  );

function isChosen(host: Host, term: string, failed: ReadonlySet<HostName>): boolean {
  if (term === '@failed') return failed.has(host.name);
  if ((ROLES as readonly string[]).includes(term)) return host.roles.includes(term as Host['roles'][number]);
  if (host.pool === term) return true;
  return globOf(term).test(host.name);
}

/**
 * Hosts that `--limit` chooses: names, globs, roles, pools and `@failed` add; a leading `!` takes away. Only `!` terms
 * take away from all hosts.
 * @throws KbinError USAGE for a term that fits no host: a misspelt name must not silently choose nothing.
 */
export function limitedHosts(inventory: Inventory, expression: string, failed: ReadonlySet<HostName>): Set<HostName> {
  const terms = expression
    .split(',')
    .map((term) => term.trim())
    .filter((term) => term !== '');
  const fitting = (term: string): Host[] => {
    const hosts = inventory.hosts.filter((host) => isChosen(host, term, failed));
    if (hosts.length === 0 && term !== '@failed') {
      throw new KbinError('USAGE', `--limit: "${term}" is no host, role or pool of this inventory`, {
        hint: `Hosts are ${inventory.hosts
          .slice(0, 10)
          .map((host) => host.name)
          .join(', ')}; roles are ${ROLES.join(', ')}.`,
      });
    }
    return hosts;
  };
  const added = terms.filter((term) => !term.startsWith('!')).flatMap(fitting);
  const removed = new Set(terms.filter((term) => term.startsWith('!')).flatMap((term) => fitting(term.slice(1))));
  const onlyRemoves = terms.every((term) => term.startsWith('!'));
  const chosen = onlyRemoves ? inventory.hosts : added;
  return new Set(chosen.filter((host) => !removed.has(host)).map((host) => host.name));
}

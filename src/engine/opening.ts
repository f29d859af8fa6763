import { PLACES } from '../catalog/places.ts';
import type { Owned } from '../model/facts.ts';
import type { HostName } from '../model/inventory.ts';
import type { Step } from '../model/plan.ts';
import { writeOwned, type ApplyContext } from './apply.ts';
import { askAgain } from './askAgain.ts';
import { unsettledBy } from './unsettled.ts';

/** What a host must be told before something is sent to it. */
interface Opening {
  owned: Owned;
  unsettles: string[];
}

/** Programs that an upload replaces under a running unit: somebody else put them there, and may have restarted it. */
function replacements(context: ApplyContext, host: HostName, uploads: readonly Step[]): Step[] {
  const paths = context.facts.hosts[host]?.paths ?? {};
  return uploads.filter(({ action }) => {
    const there = action.do === 'binary' ? paths[action.binary.path] : undefined;
    return there !== undefined && action.do === 'binary' && there.sha256 !== action.sha256;
  });
}

/** Only what the uploads write, with the directory that they make: what later steps write is on the list when they come. */
function ownedWith(context: ApplyContext, host: HostName, targets: readonly string[]): Owned {
  const facts = context.facts.hosts[host];
  const paths = new Set([...(facts?.owned?.paths ?? []), ...targets, PLACES.versions]);
  return {
    version: 1,
    cluster: { name: context.engine.inventory.cluster, id: context.clusterId },
    host,
    paths: [...paths].sort(),
    units: [...(facts?.owned?.units ?? [])],
  };
}

/** Undefined when the host knows already, so that uploads need not wait. */
export function openingOf(context: ApplyContext, host: HostName, uploads: readonly Step[]): Opening | undefined {
  if (uploads.length === 0) return undefined;
  const owned = context.facts.hosts[host]?.owned ?? null;
  const listed = new Set(owned?.paths);
  const targets = uploads.flatMap(({ action }) => (action.do === 'binary' ? [action.binary.path] : []));
  const resources = context.engine.desired.hosts[host] ?? [];
  const unsettles = unsettledBy(replacements(context, host, uploads), context.unitSteps.get(host) ?? [], resources);
  const isListed = owned !== null && targets.every((path) => listed.has(path));
  return isListed && unsettles.length === 0 ? undefined : { owned: ownedWith(context, host, targets), unsettles };
}

/**
 * Brings what is about to be sent to a host onto its list: a run that dies now leaves nothing that a reset would not find.
 * Writing the list twice is the same as once. Throws what applies throw.
 */
export const openHost = (context: ApplyContext, host: HostName, { owned, unsettles }: Opening): Promise<void> =>
  askAgain(() => writeOwned(context, owned, unsettles));

import type { Facts } from '../../../src/model/facts.ts';
import type { Plan } from '../../../src/model/plan.ts';
import { decide, type Decision } from '../../../src/plan/decide.ts';
import { INVENTORIES, Site } from '../../fake/site.ts';

const HEAD = INVENTORIES.stacked.slice(0, INVENTORIES.stacked.indexOf('hosts:'));

/** An inventory with these hosts, one a line. */
export const withHosts = (...hosts: string[]): string =>
  `${HEAD}hosts:\n${hosts.map((host) => `  - { ${host} }\n`).join('')}`;

/** A site on which everything is as its inventory says, and the facts of it. */
export async function converged(text: string): Promise<{ site: Site; facts: Facts }> {
  const site = new Site(text);
  const { exitCode, error } = await site.deploy();
  if (exitCode !== 0) throw error;
  const { facts } = await site.plan();
  return { site, facts };
}

/** The decision for facts as they are now, without certificates to issue. */
export const decided = (site: Site, facts: Facts, changed: Partial<Decision> = {}): Plan =>
  decide({ inventory: site.inventory, desired: site.desired, issues: [], facts, ...changed });

/** Ids of waves that have steps. */
export const turns = ({ waves }: Plan, phase: string): string[] =>
  waves.filter((wave) => wave.phase === phase).map(({ id }) => id);

import { beforeAll, expect, test } from '@jest/globals';
import type { Facts } from '../../../src/model/facts.ts';
import { isFormed, quorumFault } from '../../../src/plan/quorum.ts';
import { INVENTORIES, Site } from '../../fake/site.ts';
import { converged, decided, withHosts } from './world.ts';

const FIVE = withHosts("name: 'cp-[1:5]', address: '10.0.0.[1:5]', roles: [etcd, control-plane, worker]");

let site: Site;
let right: Facts;
beforeAll(async () => {
  ({ site, facts: right } = await converged(FIVE));
});

const staleEverywhere = (facts: Facts): Facts => ({
  ...facts,
  hosts: Object.fromEntries(
    Object.entries(facts.hosts).map(([name, own]) => [
      name,
      { ...own, units: { ...own.units, 'etcd.service': { ...own.units['etcd.service']!, startedWith: 'old' } } },
    ]),
  ),
});

/** What stands against the turn of one member while these are out. */
function faultOf(turn: string, out: readonly string[]): string | undefined {
  const facts = staleEverywhere(right);
  const wave = decided(site, facts).waves.find(({ id }) => id === `etcd/${turn}`)!;
  return quorumFault({ inventory: site.inventory, facts }, wave, new Set(out));
}

test('a cluster is formed once an apiserver was started', async () => {
  expect(isFormed({ inventory: site.inventory, facts: right })).toBe(true);
  const { facts } = await new Site(INVENTORIES.stacked).plan();
  expect(isFormed({ inventory: site.inventory, facts })).toBe(false);
});

test.each([
  ['cp-1', [], undefined],
  ['cp-1', ['cp-2'], undefined],
  ['cp-1', ['cp-2', 'cp-3'], 'etcd would lose its quorum: cp-1 must restart while cp-2, cp-3 failed'],
])('of five members, %s may restart while %j are out only with three left', (turn, out, expected) => {
  expect(faultOf(turn, out)).toBe(expected);
});

test('a wave that restarts nobody, and one of another phase, may go on', () => {
  const ground = { inventory: site.inventory, facts: right };
  const out = new Set(['cp-1', 'cp-2', 'cp-3']);
  expect(quorumFault(ground, { phase: 'etcd', steps: [] }, out)).toBeUndefined();
  const facts = staleEverywhere(right);
  const steps = decided(site, facts).waves.flatMap((wave) => wave.steps);
  expect(quorumFault({ ...ground, facts }, { phase: 'node', steps }, out)).toBeUndefined();
});

test('a first installation needs every member', async () => {
  const bare = new Site(FIVE);
  const { facts } = await bare.plan();
  const ground = { inventory: bare.inventory, facts };
  expect(quorumFault(ground, { phase: 'etcd', steps: [] }, new Set(['cp-5']))).toBe(
    'etcd is formed with every member or not at all, and cp-5 failed',
  );
  expect(quorumFault(ground, { phase: 'etcd', steps: [] }, new Set(['worker-1']))).toBeUndefined();
});

test('an etcd that somebody else runs is their matter', () => {
  const external = { endpoints: [], caFile: '', certFile: '', keyFile: '' };
  const inventory = { ...site.inventory, etcd: { ...site.inventory.etcd, external } };
  const facts = staleEverywhere(right);
  const { waves } = decided(site, facts);
  for (const wave of waves) {
    expect(quorumFault({ inventory, facts }, wave, new Set(['cp-1', 'cp-2', 'cp-3']))).toBeUndefined();
  }
});

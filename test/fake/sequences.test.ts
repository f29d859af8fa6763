import fc from 'fast-check';
import { expect, test } from '@jest/globals';
import { secretsIn, textsOf, watchFiles } from './invariants.ts';
import { aftermath, mend } from './faultCase.ts';
import type { Fault } from './operations.ts';
import { INVENTORIES, Site } from './site.ts';

const THEN: readonly Fault['then'][] = ['lost', 'killed', 'reboot', 'dead', 'truncated', 'full', 'refused', 'store'];
const CHANGES = [
  'components: { etcd: { args: { heartbeat-interval: "250" } } }\n',
  'components: { kube-apiserver: { args: { v: "2" } }, kubelet: { config: { maxPods: 200 } } }\n',
  'components: { containerd: { env: { A: "1" } }, etcd: { args: { v: "1" } }, haproxy: { config: { global: { maxconn: 1 } } } }\n',
];

const struck = fc.record({
  /** How far into the run; what lies beyond its end strikes nothing. */
  at: fc.integer({ min: 1, max: 140 }),
  after: fc.constantFrom(0, 1, 3, 7, 20, Infinity),
  then: fc.constantFrom(...THEN),
  maxFail: fc.constantFrom(0, 0, 1),
  /** Some inventories change between two runs. */
  change: fc.option(fc.constantFrom(...CHANGES), { freq: 2 }),
});

async function survive(
  text: string,
  runs: readonly (typeof struck extends fc.Arbitrary<infer T> ? T : never)[],
): Promise<void> {
  const site = new Site(text);
  for (const { at, after, then, maxFail, change } of runs) {
    if (change !== null) site.rewrite(`${text}${change}`);
    // What the inventory said before is no longer a state that a file may be in.
    watchFiles(site);
    site.world.conductor.fault = { at: site.world.operations.length + at, after, then };
    const outcome = await site.deploy({ maxFail });
    expect(secretsIn(textsOf(site, outcome))).toEqual([]);
    mend(site, outcome);
  }
  expect([await aftermath(site), site.world.broken]).toEqual([[], []]);
}

test.each(['stacked', 'dedicated'] as const)(
  'several faults in a row, with changes of the inventory between them: %s',
  async (name) => {
    const runs = fc.array(struck, { minLength: 2, maxLength: 5 });
    const property = fc.asyncProperty(runs, (faults) => survive(INVENTORIES[name], faults));
    await fc.assert(property, { numRuns: Number(process.env['KBIN_RUNS'] ?? 25) });
  },
  240_000,
);

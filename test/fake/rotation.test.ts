import { expect, test } from '@jest/globals';
import { rotate } from '../../src/engine/rotation.ts';
import { KbinError } from '../../src/errors.ts';
import { unconverged } from './converged.ts';
import { KILLED, INVENTORIES, Site } from './site.ts';
import { estranged, noteIssued, type Issued } from './trust.ts';

const LIMIT = 240_000;
const ROTATED = ['ca', 'etcd-ca', 'front-proxy-ca', 'sa'] as const;
const LEASE_MILLISECONDS = 600_000;

async function running(): Promise<Site> {
  const site = new Site(INVENTORIES.stacked);
  const { exitCode, error } = await site.deploy();
  expect([exitCode, error, site.world.broken]).toEqual([0, undefined, []]);
  return site;
}

/** `kbin certs rotate-…`: its exit code, that of SIGKILL where a fault killed it. */
async function rotated(site: Site, name: string): Promise<number> {
  const { engine, kbin } = site.engine();
  try {
    await rotate(engine, name, { agree: async () => undefined, tell: () => undefined });
    return 0;
  } catch (error) {
    if (kbin.isDead) return KILLED;
    if (error instanceof KbinError) throw new Error(`${error.code} ${error.message} ${error.evidence.join('; ')}`);
    throw error;
  }
}

/** Moments at which somebody could not talk to somebody, from now on. */
function watched(site: Site): string[] {
  const issued: Issued = new Map();
  const moments = new Set<string>();
  noteIssued(site, issued);
  site.world.conductor.afterEach = ({ number, verb, name }) => {
    noteIssued(site, issued);
    for (const what of estranged(site, issued)) moments.add(`${number} ${verb} ${name}: ${what}`);
  };
  expect(estranged(site, issued)).toEqual([]);
  return new Proxy([] as string[], { get: (_, key) => Reflect.get([...moments], key) as unknown });
}

const keyOf = (site: Site, name: string): string | undefined => site.certificates.kept.get(name)?.stored.keyId;

test.each(ROTATED)('%s is rotated while everybody can talk to everybody, and the next plan is empty', async (name) => {
  const site = await running();
  const before = keyOf(site, name);
  const moments = watched(site);
  expect(await rotated(site, name)).toBe(0);
  expect([...moments]).toEqual([]);
  expect(keyOf(site, name)).not.toBe(before);
  expect([...site.certificates.kept.keys()].filter((own) => /-(next|old)$/.test(own))).toEqual([]);
  expect(await unconverged(site)).toEqual([]);
  expect((await site.plan()).plan.waves).toEqual([]);
  expect(site.world.broken).toEqual([]);
});

test(
  'killed at any operation, everybody can talk to everybody, and the same command goes on to its end',
  async () => {
    for (const name of ROTATED) {
      const counting = await running();
      const begin = counting.world.operations.length;
      await rotated(counting, name);
      const operations = counting.world.operations.slice(begin);
      const stride = process.env['KBIN_FAULTS'] === 'all' ? 1 : Math.ceil(operations.length / 6);
      for (let at = 0; at < operations.length; at += stride) {
        const site = await running();
        const moments = watched(site);
        site.world.conductor.fault = { at: begin + at + 1, after: operations[at]!.pieces >> 1, then: 'killed' };
        const first = await rotated(site, name);
        site.world.conductor.fault = undefined;
        site.world.clock.advance(LEASE_MILLISECONDS);
        const where = `${name}, killed at ${at} ${operations[at]!.verb} ${operations[at]!.name}`;
        // A kill in the last stage's last moment leaves nothing to go on with: that would be the next rotation.
        const isOver = first === KILLED && site.certificates.rotations.size === 0 && keyOf(site, name) !== undefined;
        if (!isOver) expect([where, await rotated(site, name)]).toEqual([where, 0]);
        expect([where, ...moments]).toEqual([where]);
        expect([where, ...(await unconverged(site)), ...site.world.broken]).toEqual([where]);
        expect((await site.plan()).plan.waves).toEqual([]);
      }
    }
  },
  LIMIT,
);

test('a server that changes its authority before its clients trust it is seen: the watch can fail', async () => {
  const site = await running();
  const moments = watched(site);
  const { engine } = site.engine();
  const { certificates } = await import('../../src/pki/catalog.ts').then(({ certificateSpecs }) =>
    certificateSpecs(site.inventory, engine.rows),
  );
  const authorities = certificates.filter(({ name }) => name === 'ca' || name === 'kubelet-signer');
  await engine.pki.begin({ name: 'ca', authorities, keyPairs: [] }, site.world.clock.now());
  await engine.pki.promote('ca');
  await site.deploy();
  expect([...moments].join('\n')).toMatch(/the server is not believed/);
});

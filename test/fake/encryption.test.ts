import { expect, test } from '@jest/globals';
import { rotate } from '../../src/engine/rotation.ts';
import { EXIT_CODES, exitCodeOf, KbinError } from '../../src/errors.ts';
import { ENCRYPTION } from '../../src/model/encryption.ts';
import type { RotationStage } from '../../src/model/pki.ts';
import { stepsOf } from '../../src/model/plan.ts';
import { unconverged } from './converged.ts';
import { file } from './disk.ts';
import { aftermath, FAULT_KINDS, faultsOf, mend } from './faultCase.ts';
import { secretsIn, textsOf, watchFiles } from './invariants.ts';
import { describeFault } from './operations.ts';
import { INVENTORIES, KILLED, Site, type Outcome } from './site.ts';

const LIMIT = 240_000;

const wanting = (encryption: string, text: string = INVENTORIES.stacked): string =>
  `${text}encryption: ${encryption}\n`;

async function running(text: string = INVENTORIES.stacked): Promise<Site> {
  const site = new Site(text);
  for (const { disk } of site.world.machines) {
    // Of KMS plugins.
    for (const name of ['vault', 'wrong', 'right']) disk.put(`/run/${name}.sock`, file(''));
  }
  const { exitCode, error } = await site.deploy();
  expect([exitCode, error, site.world.broken]).toEqual([0, undefined, []]);
  return site;
}

/** `kbin certs rotate-encryption`. Never throws, as `site.deploy`. */
async function rotateIn(site: Site, until?: RotationStage): Promise<Outcome & { told: string[] }> {
  const { engine, kbin } = site.engine();
  const told: string[] = [];
  const outcome = { kbin, events: kbin.events, told };
  try {
    await rotate(engine, ENCRYPTION, {
      ...(until === undefined ? {} : { until }),
      agree: () => Promise.resolve(),
      tell: (line) => told.push(line),
    });
    return { ...outcome, exitCode: 0 };
  } catch (error) {
    return { ...outcome, exitCode: kbin.isDead ? KILLED : exitCodeOf(error), error };
  }
}

/** Under what the Secrets are. */
const under = (site: Site): string[] => [...new Set(site.world.cluster.secrets.values.values())];

test('a new cluster encrypts from its first object on', async () => {
  const site = await running();
  expect(under(site)).toEqual([expect.stringMatching(/^secretbox key-\d{8}-\d{6}$/)]);
  const third = await site.plan();
  expect([stepsOf(third.plan), third.warnings]).toEqual([[], []]);
});

test('a rotation leaves nothing under the old key, and every API server can read what any other writes', async () => {
  const site = await running();
  const before = under(site);
  const outcome = await rotateIn(site);
  expect([outcome.exitCode, outcome.error, site.world.broken]).toEqual([0, undefined, []]);
  expect(under(site)).toEqual([expect.stringMatching(/^secretbox key-/)]);
  expect(under(site)).not.toEqual(before);
  expect(outcome.told).toContain('secrets: 6 of 6 written again');
  expect(await aftermath(site)).toEqual([]);
  expect([...site.certificates.encryption.keys()]).toEqual(['current']);
});

test('stages can be stopped at, and go on', async () => {
  const site = await running();
  const [before] = under(site);
  expect((await rotateIn(site, 'trust')).exitCode).toBe(0);
  expect(under(site)).toEqual([before]);
  expect((await rotateIn(site, 'sign')).exitCode).toBe(0);
  expect(under(site)).not.toContain(before);
  expect([...site.certificates.encryption.keys()].sort()).toEqual(['current', 'old']);
  // A deploy between two stages carries out nothing but the store.
  expect(await aftermath(site)).toEqual([]);
  expect((await rotateIn(site)).exitCode).toBe(0);
  expect([...site.certificates.encryption.keys()]).toEqual(['current']);
  expect(site.world.broken).toEqual([]);
});

test.each([
  ['{ provider: aesgcm }', /^aesgcm key-/],
  ['{ provider: kms, kms: { name: vault, endpoint: "unix:///run/vault.sock" } }', /^kms vault$/],
  ['{ provider: none }', /^none$/],
])('another provider is refused by a deploy and carried out by a rotation: %s', async (section, expected) => {
  const site = await running();
  site.rewrite(wanting(section));
  const refused = await site.deploy();
  expect([refused.exitCode, String((refused.error as { evidence?: string[] }).evidence)]).toEqual([
    EXIT_CODES.PREFLIGHT,
    expect.stringMatching(
      /encrypted in etcd: secrets by secretbox; the inventory wants .*kbin certs rotate-encryption/,
    ),
  ]);
  const outcome = await rotateIn(site);
  expect([outcome.exitCode, outcome.error, site.world.broken]).toEqual([0, undefined, []]);
  expect(under(site)).toEqual([expect.stringMatching(expected)]);
  expect(await aftermath(site)).toEqual([]);
  site.rewrite(INVENTORIES.stacked);
  expect((await rotateIn(site)).exitCode).toBe(0);
  expect(under(site)).toEqual([expect.stringMatching(/^secretbox /)]);
  expect(site.world.broken).toEqual([]);
});

test('a next key that nothing is written with yet may be another one; later it may not', async () => {
  const kms = '{ provider: kms, kms: { name: vault, endpoint: "unix:///run/wrong.sock" } }';
  const site = await running(wanting('{ provider: none }'));
  site.rewrite(wanting(kms));
  expect((await rotateIn(site, 'trust')).exitCode).toBe(0);
  site.rewrite(wanting(kms.replace('wrong', 'right')));
  expect((await site.deploy()).exitCode).toBe(EXIT_CODES.PREFLIGHT);
  expect((await rotateIn(site, 'sign')).exitCode).toBe(0);
  expect(site.certificates.encryption.get('current')?.kms?.endpoint).toBe('unix:///run/right.sock');
  expect(under(site)).toEqual(['kms vault']);
  site.rewrite(INVENTORIES.stacked);
  const refused = await rotateIn(site);
  expect([refused.exitCode, String((refused.error as KbinError).evidence)]).toEqual([
    EXIT_CODES.PREFLIGHT,
    expect.stringContaining('A rotation to the former is under way'),
  ]);
  site.rewrite(wanting(kms.replace('wrong', 'right')));
  expect((await rotateIn(site)).exitCode).toBe(0);
  expect([await aftermath(site), site.world.broken]).toEqual([[], []]);
});

test('an API server is not told of a KMS plugin that is not there', async () => {
  const site = await running();
  site.world.machine('cp-3').disk.remove('/run/vault.sock');
  site.rewrite(wanting('{ provider: kms, kms: { name: vault, endpoint: "unix:///run/vault.sock" } }'));
  const { exitCode, error } = await rotateIn(site);
  expect([exitCode, (error as KbinError).evidence]).toEqual([
    EXIT_CODES.PREFLIGHT,
    ['cp-3: has no /run/vault.sock [programs]. Start the KMS plugin vault there; kbin does not run it.'],
  ]);
  expect([...site.certificates.encryption.keys()]).toEqual(['current']);
});

test('a cluster that began without encryption gets it', async () => {
  const site = await running(wanting('{ provider: none }'));
  expect(under(site)).toEqual(['none']);
  site.rewrite(INVENTORIES.stacked);
  expect((await rotateIn(site)).exitCode).toBe(0);
  expect(under(site)).toEqual([expect.stringMatching(/^secretbox /)]);
  expect([await aftermath(site), site.world.broken]).toEqual([[], []]);
});

test('a cluster of an earlier kbin is told how its objects are written first, and warned', async () => {
  const site = await running();
  site.certificates.encryption.clear();
  site.certificates.kept.delete(ENCRYPTION);
  site.world.cluster.secrets.expose();
  for (const { disk } of site.world.machines) {
    disk.remove('/etc/kubernetes/pki/encryption.yaml');
    const owned = JSON.parse(disk.text('/var/lib/kbin/owned.json')!) as { paths: string[] };
    owned.paths = owned.paths.filter((path) => !path.endsWith('/encryption.yaml'));
    const entry = disk.at('/var/lib/kbin/owned.json')!;
    disk.put('/var/lib/kbin/owned.json', { ...entry, content: Buffer.from(JSON.stringify(owned)) } as typeof entry);
  }
  const first = await site.deploy();
  expect([first.exitCode, first.prepared?.warnings.map(({ id }) => id)]).toEqual([0, ['encryption']]);
  expect(under(site)).toEqual(['none']);
  expect((await site.deploy()).exitCode).toBe(EXIT_CODES.PREFLIGHT);
  expect((await rotateIn(site)).exitCode).toBe(0);
  expect(under(site)).toEqual([expect.stringMatching(/^secretbox /)]);
  expect([await aftermath(site), site.world.broken]).toEqual([[], []]);
});

test('a store that lost the keys is refused', async () => {
  const site = await running();
  site.certificates.encryption.clear();
  site.certificates.kept.delete(ENCRYPTION);
  const { exitCode, error } = await site.deploy();
  expect([exitCode, String(error)]).toEqual([
    EXIT_CODES.REFUSED,
    expect.stringContaining('the certificate store here does not know how stored objects are encrypted'),
  ]);
});

test.each(FAULT_KINDS.map((kind) => [kind.name, kind] as const))(
  'a rotation, each operation of it: %s',
  async (_name, kind) => {
    const trial = await running();
    const begin = trial.world.operations.length;
    expect((await rotateIn(trial)).exitCode).toBe(0);
    const operations = trial.world.operations
      .slice(begin)
      .map((operation) => ({ ...operation, number: operation.number - begin }))
      // One of the two API servers that are alike is enough.
      .filter(({ verb, on }) => verb !== 'renew' && on !== 'cp-2' && !(verb === 'observe' && on === 'cp-3'));
    const middle = { ...kind, after: (pieces: number) => kind.after(pieces).slice(0, 2).slice(-1) };
    const problems: string[] = [];
    for (const fault of faultsOf(middle, operations)) {
      const site = await running();
      const [before = ''] = under(site);
      watchFiles(site);
      const placed = { ...fault, at: fault.at + site.world.operations.length };
      site.world.conductor.fault = placed;
      const first = await rotateIn(site);
      const found = secretsIn(textsOf(site, first));
      mend(site, first);
      // Killed at its very end it is over, and the same command would begin another one.
      const isOver = (await site.engine().engine.pki.rotations()).length === 0 && !under(site).includes(before);
      const second = isOver ? { exitCode: 0, error: undefined } : await rotateIn(site);
      if (second.exitCode !== 0) found.push(`the next run exits ${second.exitCode} ${String(second.error)}`);
      if (under(site).includes(before) || under(site).length !== 1)
        found.push(`Secrets are under ${under(site).join()}`);
      found.push(...(await unconverged(site)), ...(await aftermath(site)), ...site.world.broken);
      const where = describeFault(placed, site.world.operations[placed.at - 1]);
      problems.push(...found.slice(0, 3).map((what) => `${where}, exit ${first.exitCode}: ${what}`));
    }
    expect(problems).toEqual([]);
  },
  LIMIT,
);

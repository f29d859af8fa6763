import { beforeEach, expect, test } from '@jest/globals';
import { deployIn, type DeploySession } from '../../../src/commands/deploy.ts';
import { KbinError } from '../../../src/errors.ts';
import { unconverged } from '../../fake/converged.ts';
import { file } from '../../fake/disk.ts';
import type { Kbin } from '../../fake/kbin.ts';
import { INVENTORIES, Site } from '../../fake/site.ts';

const CONFIG = '/etc/kubernetes/kubelet.yaml';
const KUBELET = 'kubelet.service';

let site: Site;
beforeEach(async () => {
  site = new Site(INVENTORIES.stacked);
  expect((await site.deploy()).exitCode).toBe(0);
});

interface Asked {
  session: DeploySession;
  kbin: Kbin;
  questions: string[];
  printed: string[];
}

/** A session in which a question is answered after something happened. */
function sessionWith(answer: boolean, meanwhile: () => void | Promise<void> = () => undefined): Asked {
  const { engine, kbin } = site.engine();
  const questions: string[] = [];
  const printed: string[] = [];
  const session: DeploySession = {
    engine,
    isInteractive: true,
    print: (line) => printed.push(line),
    confirm: async (question) => {
      questions.push(question);
      await meanwhile();
      return answer;
    },
  };
  return { session, kbin, questions, printed };
}

/** Verbs of the operations from this one on. */
const verbsSince = (number: number): string[] => site.world.operations.slice(number).map(({ verb }) => verb);
const looks = (verbs: readonly string[]): number => verbs.filter((verb) => verb === 'observe').length;
const changes = (verbs: readonly string[]): string[] => verbs.filter((verb) => verb !== 'observe' && verb !== 'look');

const failureOf = async (work: Promise<number>): Promise<KbinError> => {
  const error: unknown = await work.then(
    (code) => new Error(`exit ${code}`),
    (thrown: unknown) => thrown,
  );
  if (error instanceof KbinError) return error;
  throw error as Error;
};

const byHand = (host: string, text = 'by hand'): void => site.world.machine(host).disk.put(CONFIG, file(text));

test('what was shown and wanted is done, after a second look that tells nothing new', async () => {
  byHand('cp-2');
  const before = site.world.operations.length;
  const { session, kbin, questions, printed } = sessionWith(true);
  expect(await deployIn(session, {})).toBe(0);
  expect(questions).toEqual(['Apply this to cluster prod?']);
  expect(printed.join('\n')).toContain(CONFIG);
  expect(looks(verbsSince(before))).toBe(6);
  expect(kbin.events.filter(({ type }) => type === 'planned')).toHaveLength(1);
  expect(kbin.events.filter((event) => event.type === 'host' && event.state === 'observed')).toHaveLength(3);
  expect(await unconverged(site)).toEqual([]);
  expect(site.world.broken).toEqual([]);
});

test.each<[string, () => void, () => void | Promise<void>, string[]]>([
  [
    'another host is edited',
    () => byHand('cp-2'),
    () => byHand('cp-1'),
    [`now also: cp-1/file:${CONFIG}`, `now also: cp-1/unit:${KUBELET}`],
  ],
  [
    'the same file is edited again',
    () => byHand('cp-2'),
    () => byHand('cp-2', 'by another hand'),
    [`now also: cp-2/file:${CONFIG}`],
  ],
  [
    'a unit that was to be started runs again',
    () => site.world.halt('cp-2', KUBELET),
    () => site.world.machine('cp-2').systemd.bounce(KUBELET),
    [`no longer: cp-2/unit:${KUBELET}`],
  ],
  [
    'another unit loses its stamp',
    () => site.world.machine('cp-2').disk.remove(`/var/lib/kbin/started/${KUBELET}`),
    () => site.world.machine('cp-3').disk.remove(`/var/lib/kbin/started/${KUBELET}`),
    [`now also: cp-3/unit:${KUBELET}`],
  ],
  [
    'another operator deploys',
    () => byHand('cp-2'),
    async () => {
      await site.deploy({ who: 'bob' });
    },
    [`no longer: cp-2/file:${CONFIG}`, `no longer: cp-2/unit:${KUBELET}`],
  ],
])('refused as DRIFT when, while the operator thinks, %s', async (_what, drift, meanwhile, evidence) => {
  drift();
  let asked = 0;
  const { session } = sessionWith(true, async () => {
    await meanwhile();
    asked = site.world.operations.length;
  });
  const error = await failureOf(deployIn(session, {}));
  expect([error.code, error.evidence]).toEqual(['DRIFT', evidence]);
  expect(error.message).toBe('the cluster is no longer as it was when you were asked; nothing was changed');
  expect(error.hint).not.toContain('plan -o');
  expect(changes(verbsSince(asked))).toEqual([]);
});

test('a host that is lost while the operator thinks stops the deploy', async () => {
  byHand('cp-2');
  const { session, kbin } = sessionWith(true, () => site.world.kill('cp-1'));
  expect((await failureOf(deployIn(session, {}))).code).toBe('CONNECT');
  expect(kbin.events).toContainEqual(expect.objectContaining({ type: 'host', host: 'cp-1', state: 'failed' }));
});

test('answered with no, nothing more is looked at or changed', async () => {
  byHand('cp-2');
  const before = site.world.operations.length;
  const { session } = sessionWith(false);
  expect((await failureOf(deployIn(session, {}))).code).toBe('INTERRUPTED');
  expect([looks(verbsSince(before)), changes(verbsSince(before))]).toEqual([3, []]);
});

test.each<[string, () => void, Record<string, unknown>]>([
  ['--yes', () => byHand('cp-2'), { yes: true }],
  ['nothing to do', () => undefined, {}],
])('nobody is asked, and it is looked once: %s', async (_what, drift, args) => {
  drift();
  const before = site.world.operations.length;
  const { session, questions } = sessionWith(false);
  expect(await deployIn(session, args)).toBe(0);
  expect([questions, looks(verbsSince(before))]).toEqual([[], 3]);
});

test('a first installation is not asked for, and looked at once', async () => {
  site = new Site(INVENTORIES.single);
  const { session, questions } = sessionWith(false);
  expect(await deployIn(session, {})).toBe(0);
  expect([questions, looks(verbsSince(0))]).toEqual([[], 1]);
});

test('with nobody there to be asked, a change is refused', async () => {
  byHand('cp-2');
  const before = site.world.operations.length;
  const { session } = sessionWith(true);
  expect((await failureOf(deployIn({ ...session, isInteractive: false }, {}))).code).toBe('USAGE');
  expect([looks(verbsSince(before)), changes(verbsSince(before))]).toEqual([3, []]);
});

import { beforeAll, describe, expect, test } from '@jest/globals';
import { KbinError } from '../../../src/errors.ts';
import type { Plan, Step } from '../../../src/model/plan.ts';
import { assertSamePlan, parsePlan, planDigest, planText } from '../../../src/plan/file.ts';
import { INVENTORIES, Site } from '../../fake/site.ts';
import { without } from './ground.ts';

let plan: Plan;
beforeAll(async () => {
  ({ plan } = await new Site(INVENTORIES.dedicated).plan());
});

function thrownBy(work: () => unknown): KbinError {
  try {
    work();
  } catch (error) {
    return error as KbinError;
  }
  throw new Error('nothing was thrown');
}

/** The plan with its steps changed. */
const withSteps = (change: (steps: Step[]) => Step[]): Plan => ({
  ...plan,
  waves: plan.waves.map((wave) => ({ ...wave, steps: change(wave.steps) })),
});
const FIRST = 'etcd-1/file:/etc/etcd/initial.env';

test('a plan comes back from its file as it was', () => {
  const back = parsePlan(planText(plan), 'plan.json');
  expect(back).toEqual(plan);
  expect(planDigest(back)).toBe(planDigest(plan));
  expect(() => assertSamePlan(back, plan, 'plan.json')).not.toThrow();
});

test.each([
  ['no JSON', '{"version": 1', /^plan.json is not a plan: /],
  ['another version', '{"version": 2, "waves": []}', /^plan.json is a plan of version 2, this kbin reads 1$/],
  ['no version', '{"waves": []}', /of version none/],
  ['no waves', '{"version": 1}', /of version 1/],
])('%s is refused, naming the file', (_name, text, message) => {
  const error = thrownBy(() => parsePlan(text, 'plan.json'));
  expect([error.code, error.message]).toEqual(['USAGE', expect.stringMatching(message)]);
  expect(error.hint).toBeDefined();
});

describe('the identity of a plan', () => {
  test('is what it does, not when it was made or why', () => {
    expect(planDigest({ ...plan, observedAt: plan.observedAt + 1 })).toBe(planDigest(plan));
    const later = withSteps((steps) => steps.map((step) => ({ ...step, why: 'expires in 11 days' })));
    expect(planDigest(later)).toBe(planDigest(plan));
  });

  test.each<[string, () => Plan]>([
    ['a step less', () => withSteps((steps) => steps.filter(({ id }) => id !== FIRST))],
    ['steps in another order', () => withSteps((steps) => [...steps].reverse())],
    ['another expectation', () => withSteps((steps) => steps.map((step) => ({ ...step, expect: 'f'.repeat(64) })))],
    ['another cluster', () => ({ ...plan, clusterId: 'ffff' })],
    ['a gate less', () => ({ ...plan, waves: plan.waves.map((wave) => without(wave, 'gate')) })],
    ['another order of waves', () => ({ ...plan, waves: plan.waves.map((wave) => ({ ...wave, after: [] })) })],
  ])('changes with %s', (_name, other) => {
    expect(planDigest(other())).not.toBe(planDigest(plan));
  });
});

describe('a reviewed plan', () => {
  test('of another inventory is stale', () => {
    const error = thrownBy(() => assertSamePlan({ ...plan, inventoryDigest: 'other' }, plan, 'plan.json'));
    expect([error.code, error.message]).toEqual(['STALE', 'plan.json was made from another version of the inventory']);
  });

  test('that is not what would be done now is refused with the steps that came, went or changed', () => {
    const file = 'etcd-2/file:/etc/etcd/initial.env';
    const current = withSteps((steps) =>
      steps
        .filter(({ id }) => id !== FIRST)
        .map((step) => (step.id === file ? { ...step, expect: 'f'.repeat(64) } : step)),
    );
    const error = thrownBy(() => assertSamePlan(plan, current, 'plan.json'));
    expect([error.code, error.evidence]).toEqual(['DRIFT', [`now also: ${file}`, `no longer: ${FIRST}`]]);
  });

  test('that differs in a thousand steps names twenty', () => {
    const error = thrownBy(() =>
      assertSamePlan(
        plan,
        withSteps(() => []),
        'plan.json',
      ),
    );
    expect(error.evidence).toHaveLength(20);
  });
});

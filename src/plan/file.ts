import { KbinError } from '../errors.ts';
import { sha256 } from '../model/digest.ts';
import type { Plan, Step } from '../model/plan.ts';

const VERSION = 1;

/** The text of a plan file. It holds no secret: keys are references into the certificate store. */
export const planText = (plan: Plan): string => `${JSON.stringify(plan, null, 1)}\n`;

/**
 * The plan in a file.
 * @throws KbinError USAGE when it is no plan or of another version.
 */
export function parsePlan(text: string, file: string): Plan {
  let value: Partial<Plan> & { version?: number };
  try {
    value = JSON.parse(text) as typeof value;
  } catch (cause) {
    throw new KbinError('USAGE', `${file} is not a plan: ${cause instanceof Error ? cause.message : ''}`, {
      hint: 'Write one with kbin plan -o FILE.',
      cause,
    });
  }
  if (value.version !== VERSION || !Array.isArray(value.waves)) {
    throw new KbinError(
      'USAGE',
      `${file} is a plan of version ${value.version ?? 'none'}, this kbin reads ${VERSION}`,
      {
        hint: 'Write it again with this kbin.',
      },
    );
  }
  return value as Plan;
}

/** Identity of what a plan does, whenever it was made. */
export const planDigest = (plan: Plan): string =>
  sha256(
    JSON.stringify({
      ...plan,
      observedAt: 0,
      waves: plan.waves.map((wave) => ({ ...wave, steps: wave.steps.map(deed) })),
    }),
  );

/** A step without its reason: `expires in 12 days` is another text tomorrow, but the same step. */
const deed = (step: Step): string => JSON.stringify({ ...step, why: '' });

/**
 * Refuses a reviewed plan that is not what would be planned now.
 * @throws KbinError STALE when the inventory changed, DRIFT naming the steps that came or went when the hosts did.
 */
export function assertSamePlan(reviewed: Plan, current: Plan, file: string): void {
  if (reviewed.inventoryDigest !== current.inventoryDigest) {
    throw new KbinError('STALE', `${file} was made from another version of the inventory`, {
      hint: 'Run kbin plan -o again and review it.',
    });
  }
  if (planDigest(reviewed) === planDigest(current)) return;
  const ids = (plan: Plan): Map<string, string> =>
    new Map(plan.waves.flatMap((wave) => wave.steps).map((step) => [step.id, deed(step)]));
  const before = ids(reviewed);
  const after = ids(current);
  const changed = [...after].filter(([id, step]) => before.get(id) !== step).map(([id]) => `now also: ${id}`);
  const gone = [...before.keys()].filter((id) => !after.has(id)).map((id) => `no longer: ${id}`);
  throw new KbinError('DRIFT', `the hosts are not as they were when ${file} was made`, {
    evidence: [...changed, ...gone].slice(0, 20),
    hint: 'Run kbin plan -o again and review it.',
  });
}

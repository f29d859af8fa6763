import type { Step } from '../model/plan.ts';
import type { Engine } from './engine.ts';
import type { Failures } from './failures.ts';
import { fanOut } from './fanOut.ts';

/** Objects applied at once. */
const AT_ONCE = 8;

/** Applies objects and the settings of Nodes through the API, but for Nodes of hosts that failed. Throws the first failure. */
export async function applyObjects(
  { engine, failures }: { engine: Engine; failures: Pick<Failures, 'has'> },
  steps: readonly Step[],
  done: (step: Step) => void,
): Promise<void> {
  const api = engine.world.api(failures);
  const answers = await fanOut(steps, AT_ONCE, async (step) => {
    const { action } = step;
    if (action.do === 'apply') await api.serverSideApply(action.object);
    if (action.do === 'node' && !failures.has(action.settings.host)) await api.applyNodeSettings(action.settings);
    done(step);
  });
  const broken = answers.find((answer) => !answer.ok);
  if (broken !== undefined) throw broken.error;
}

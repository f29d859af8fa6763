import type { Step } from '../model/plan.ts';
import type { Engine } from './engine.ts';
import type { Failures } from './failures.ts';
import { fanOut } from './fanOut.ts';
import { approveServing, leftText } from './servingRequests.ts';

/** Objects applied at once. */
const AT_ONCE = 8;

interface Ground {
  engine: Engine;
  failures: Pick<Failures, 'has'>;
}

/** What is pending now, looked at once for all kubelets; what comes later is approved by the gate. */
async function approve({ engine, failures }: Ground, steps: readonly Step[]): Promise<void> {
  const kubelets = steps.flatMap(({ action }) => (action.do === 'approve' ? [action.kubelet] : []));
  const hosts = new Set(kubelets.filter((host) => !failures.has(host)));
  if (hosts.size === 0) return;
  const { left } = await approveServing(engine.world.api(failures), engine.inventory, hosts);
  for (const request of left) {
    engine.emit({ type: 'warning', message: `request ${leftText(request)}`, at: engine.clock.now() });
  }
}

/** Applies objects and the settings of Nodes through the API, but for Nodes of hosts that failed. Throws the first failure. */
export async function applyObjects(
  { engine, failures }: Ground,
  steps: readonly Step[],
  done: (step: Step) => void,
): Promise<void> {
  const api = engine.world.api(failures);
  const approvals = steps.filter(({ action }) => action.do === 'approve');
  const others = steps.filter((step) => !approvals.includes(step));
  const answers = await fanOut(others, AT_ONCE, async (step) => {
    const { action } = step;
    if (action.do === 'apply') await api.serverSideApply(action.object);
    if (action.do === 'node' && !failures.has(action.settings.host)) await api.applyNodeSettings(action.settings);
    done(step);
  });
  const broken = answers.find((answer) => !answer.ok);
  if (broken !== undefined) throw broken.error;
  await approve({ engine, failures }, approvals);
  for (const step of approvals) done(step);
}

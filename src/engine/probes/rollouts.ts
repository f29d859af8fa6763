import type { JsonObject } from '../../model/inventory.ts';
import { apiPath } from '../apiPaths.ts';
import { field, textAt } from '../httpJson.ts';
import { markOf, RESTARTED, ROLLING } from '../workloads.ts';
import { ofCluster, passed, refused, type Probe } from './probe.ts';

const numberAt = (item: JsonObject, ...path: string[]): number => Number(textAt(item, ...path));

/** Whether every pod of a workload is of its newest generation and available; of a DaemonSet the numbers are others. */
export function isRolledOut(item: JsonObject): boolean {
  const status = (name: string): number => numberAt(item, 'status', name);
  const isSeen = status('observedGeneration') >= numberAt(item, 'metadata', 'generation');
  const isDaemonSet = field(field(item, 'status'), 'desiredNumberScheduled') !== undefined;
  const [wanted, updated, available, all] = isDaemonSet
    ? [status('desiredNumberScheduled'), status('updatedNumberScheduled'), status('numberAvailable'), undefined]
    : [numberAt(item, 'spec', 'replicas'), status('updatedReplicas'), status('availableReplicas'), status('replicas')];
  return isSeen && updated === wanted && available === wanted && (all ?? wanted) === wanted;
}

/** The pods that were rolled for the rotation under way are all new and available. */
export const rollouts: Probe = (context) =>
  ofCluster(context, async () => {
    const [rotation] = await context.pki.rotations();
    const mark = rotation === undefined ? undefined : markOf(rotation);
    const lists = ROLLING.map((resource) => context.api.list(apiPath({ apiVersion: 'apps/v1', resource })));
    const items = (await Promise.all(lists)).flatMap((list) => list.items);
    const marked = items.filter(
      (item) => textAt(item, 'spec', 'template', 'metadata', 'annotations', RESTARTED) === mark,
    );
    const waiting = marked.filter((item) => !isRolledOut(item)).map((item) => textAt(item, 'metadata', 'name'));
    return waiting.length === 0
      ? passed(`${marked.length} rolled out`)
      : refused(`still rolling: ${waiting.join(', ')}`);
  });

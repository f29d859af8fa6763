import type { ApiFacts } from '../model/facts.ts';
import type { Step } from '../model/plan.ts';
import type { ApiObject, Desired, NodeSettings } from '../model/resource.ts';
import { matches } from './matches.ts';

function objectReason(object: ApiObject, api: ApiFacts | null): string | undefined {
  const live = api?.objects[object.id];
  if (live === undefined || live === null) return 'missing';
  return matches(object.object, live) ? undefined : 'differs';
}

type Taints = NodeSettings['taints'];
const taintKey = (taint: Taints[number]): string => `${taint.key}=${taint.value ?? ''}:${taint.effect}`;

function nodeReason(settings: NodeSettings, api: ApiFacts | null): string | undefined {
  const live = api?.nodes[settings.host];
  if (live === undefined) return 'not registered yet';
  const label = Object.entries(settings.labels).find(([key, value]) => live.labels[key] !== value);
  if (label !== undefined) return `label ${label[0]} is ${live.labels[label[0]] ?? 'absent'}`;
  const liveTaints = live.taints.map(taintKey);
  const missing = settings.taints.map(taintKey).find((taint) => !liveTaints.includes(taint));
  if (missing !== undefined) return `taint ${missing} is absent`;
  const wanted = settings.taints.map(taintKey);
  const dropped = live.ownLabels.find((key) => settings.labels[key] === undefined && live.labels[key] !== undefined);
  if (dropped !== undefined) return `label ${dropped} is no longer in the inventory`;
  const surplus = live.ownTaints.find((taint) => !wanted.includes(taint));
  return surplus === undefined ? undefined : `taint ${surplus} is no longer in the inventory`;
}

/** Objects to apply and Nodes to label, through the API. */
export function apiSteps(desired: Desired, api: ApiFacts | null, mayChange: (host: string) => boolean): Step[] {
  const objects = desired.api.flatMap((object): Step[] => {
    const why = objectReason(object, api);
    const id = `api/apply:${object.id.slice(object.id.indexOf(':') + 1)}`;
    return why === undefined ? [] : [{ id, host: 'api', phase: object.phase, why, action: { do: 'apply', object } }];
  });
  const nodes = desired.nodes
    .filter((settings) => mayChange(settings.host))
    .flatMap((settings): Step[] => {
      const why = nodeReason(settings, api);
      if (why === undefined) return [];
      return [{ id: `api/node:${settings.host}`, host: 'api', phase: 'addons', why, action: { do: 'node', settings } }];
    });
  return [...objects, ...nodes];
}

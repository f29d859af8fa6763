import type { ApiFacts } from '../model/facts.ts';
import type { Json, JsonObject } from '../model/inventory.ts';
import type { NodeSettings } from '../model/resource.ts';
import { objectsAt, parseJson, textAt, textsAt } from './httpJson.ts';

/** On the Node: JSON lists of what kbin put there, so that it can take it away again and leave the rest alone. */
const OWN_LABELS = 'kbin.dev/labels';
const OWN_TAINTS = 'kbin.dev/taints';

type Taint = NodeSettings['taints'][number];
type NodeFacts = ApiFacts['nodes'][string];

const taintText = ({ key, value = '', effect }: Taint): string => `${key}=${value}:${effect}`;
/** A Node has at most one taint of a key and effect. */
const taintSlot = ({ key, effect }: Taint): string => `${key}:${effect}`;

function ownList(node: Json, annotation: string): string[] {
  const list = parseJson(textsAt(node, 'metadata', 'annotations')[annotation] ?? '[]');
  return Array.isArray(list) ? list.filter((item) => typeof item === 'string') : [];
}

function taintsOf(node: Json): Taint[] {
  return objectsAt(node, 'spec', 'taints').map((taint) => ({
    key: textAt(taint, 'key'),
    ...(textAt(taint, 'value') === '' ? {} : { value: textAt(taint, 'value') }),
    effect: textAt(taint, 'effect'),
  }));
}

/** What the planner wants to know of a Node. Own taints are written as `key=value:effect`. */
export const nodeFacts = (node: Json): NodeFacts => ({
  labels: textsAt(node, 'metadata', 'labels'),
  taints: taintsOf(node),
  ownTaints: ownList(node, OWN_TAINTS),
  ownLabels: ownList(node, OWN_LABELS),
  ready: objectsAt(node, 'status', 'conditions').some(
    (condition) => textAt(condition, 'type') === 'Ready' && textAt(condition, 'status') === 'True',
  ),
  kubeletVersion: textAt(node, 'status', 'nodeInfo', 'kubeletVersion'),
});

function labelsPatch(live: NodeFacts, settings: NodeSettings): Record<string, string | null> {
  const surplus = live.ownLabels.filter((key) => settings.labels[key] === undefined && key in live.labels);
  const changed = Object.entries(settings.labels).filter(([key, value]) => live.labels[key] !== value);
  return { ...Object.fromEntries(surplus.map((key) => [key, null])), ...Object.fromEntries(changed) };
}

function annotationsPatch(live: NodeFacts, settings: NodeSettings): Record<string, string> {
  const lists = [
    { annotation: OWN_LABELS, before: live.ownLabels, after: Object.keys(settings.labels) },
    { annotation: OWN_TAINTS, before: live.ownTaints, after: settings.taints.map(taintText) },
  ];
  return Object.fromEntries(
    lists
      .map(({ annotation, before, after }) => [annotation, before, JSON.stringify(after.toSorted())] as const)
      .filter(([, before, after]) => JSON.stringify(before.toSorted()) !== after)
      .map(([annotation, , after]) => [annotation, after]),
  );
}

/** The taints that the Node should have, or null when it has them. Live ones keep their other fields (timeAdded). */
function taintsPatch(node: Json, settings: NodeSettings): Json[] | null {
  const own = ownList(node, OWN_TAINTS);
  const slots = new Set(settings.taints.map(taintSlot));
  const wanted = settings.taints.map(taintText);
  const live = taintsOf(node).map((taint, index) => ({ taint, raw: objectsAt(node, 'spec', 'taints')[index] ?? {} }));
  const foreign = live.filter(({ taint }) => !slots.has(taintSlot(taint)) && !own.includes(taintText(taint)));
  const kept = live.filter(({ taint }) => wanted.includes(taintText(taint)));
  const missing = settings.taints.filter((taint) => !kept.some((item) => taintText(item.taint) === taintText(taint)));
  if (missing.length === 0 && foreign.length + kept.length === live.length) return null;
  return [...[...foreign, ...kept].map(({ raw }) => raw), ...missing.map((taint): JsonObject => ({ ...taint }))];
}

/**
 * Merge patch that gives a live Node the labels and taints of the inventory, or null when it has them. What kbin set
 * earlier and the inventory no longer names is removed; labels and taints of others stay. It holds the Node's
 * resourceVersion, so that a change in between is a 409 and not a lost update.
 */
export function nodePatch(node: Json, settings: NodeSettings): JsonObject | null {
  const live = nodeFacts(node);
  const labels = labelsPatch(live, settings);
  const annotations = annotationsPatch(live, settings);
  const taints = taintsPatch(node, settings);
  if (Object.keys({ ...labels, ...annotations }).length === 0 && taints === null) return null;
  const resourceVersion = textAt(node, 'metadata', 'resourceVersion');
  return {
    metadata: { resourceVersion, labels, annotations },
    ...(taints === null ? {} : { spec: { taints } }),
  };
}

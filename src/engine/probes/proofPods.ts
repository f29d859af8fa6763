import type { HostName, Json, JsonObject } from '../../model/inventory.ts';
import { printable } from '../../model/plainText.ts';
import { apiPath } from '../apiPaths.ts';
import { field, objectsAt, textAt } from '../httpJson.ts';
import { refused, type Answer, type ProbeContext } from './probe.ts';

const POLL_MILLISECONDS = 250;
const LOG_LINES = 5;

export type Pods = ReadonlyMap<string, JsonObject>;

export const phaseOf = (pod: Json | undefined): string => textAt(pod, 'status', 'phase');
export const isFinished = (pod: Json | undefined): boolean => ['Succeeded', 'Failed'].includes(phaseOf(pod));

/** Address of a pod whose container runs; '' before. */
export function servingAddress(pod: Json | undefined): string {
  const [container] = objectsAt(pod, 'status', 'containerStatuses');
  return container?.['ready'] === true ? textAt(pod, 'status', 'podIP') : '';
}

/** Pods of a namespace by name, as soon as the condition holds, or as they are at the deadline. */
export async function podsUntil(
  { api, clock }: ProbeContext,
  { namespace, deadline }: { namespace: string; deadline: number },
  isDone: (pods: Pods) => boolean,
): Promise<Pods> {
  for (;;) {
    const { items } = await api.list(apiPath({ apiVersion: 'v1', resource: 'pods', namespace }));
    const pods = new Map(items.map((pod) => [textAt(pod, 'metadata', 'name'), pod]));
    if (isDone(pods) || clock.monotonic() >= deadline) return pods;
    await clock.pause(POLL_MILLISECONDS);
  }
}

/** In which state a pod is stuck: the container's reason where there is one, otherwise the pod's. */
function stuckIn(pod: Json | undefined): string {
  const [container] = objectsAt(pod, 'status', 'containerStatuses');
  const waiting = field(container, 'state', 'waiting') ?? field(container, 'lastState', 'terminated');
  const reason = textAt(waiting, 'reason') || textAt(pod, 'status', 'reason') || phaseOf(pod) || 'not seen';
  const message = textAt(waiting, 'message') || textAt(pod, 'status', 'message');
  return printable(message === '' ? reason : `${reason} (${message})`, 300);
}

/** A pod that does not run, with what the cluster says about it: why a sandbox failed stands only in events. */
export async function notRunning(
  { api }: ProbeContext,
  { namespace, name, pod }: { namespace: string; name: string; pod: Json | undefined },
): Promise<Answer> {
  const { items } = await api.list(apiPath({ apiVersion: 'v1', resource: 'events', namespace }));
  const own = items.filter((event) => textAt(event, 'involvedObject', 'name') === name && event['type'] === 'Warning');
  const evidence = own
    .slice(-LOG_LINES)
    .map((event) => printable(`${name}: ${textAt(event, 'reason')}: ${textAt(event, 'message')}`, 500));
  return { ...refused(`its pod ${name} does not run: ${stuckIn(pod)}`), evidence };
}

/** A checker that gave up: its log names the check. A log that cannot be read is evidence too. */
export async function checkFailed(
  { api }: ProbeContext,
  { namespace, name }: { namespace: string; name: string },
): Promise<Answer> {
  const path = apiPath({ apiVersion: 'v1', resource: 'pods', namespace, name });
  const { status, text } = await api.get(`${path}/log?tailLines=${LOG_LINES}`);
  if (status !== 200) {
    return { ...refused('a check failed'), evidence: [`log of ${name}: ${status} ${printable(text, 300)}`] };
  }
  const lines = printable(text)
    .split('\n')
    .filter((line) => line.trim() !== '');
  return { ...refused(`failed: ${lines.at(-1) ?? 'no output'}`), evidence: lines.map((line) => `${name}: ${line}`) };
}

/** Spread evenly over the list, first and last included. */
export function spread(hosts: readonly HostName[], most: number): HostName[] {
  if (hosts.length <= most) return [...hosts];
  const step = (hosts.length - 1) / (most - 1);
  return Array.from({ length: most }, (_, index) => hosts[Math.round(index * step)] ?? '');
}

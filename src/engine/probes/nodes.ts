import { KbinError } from '../../errors.ts';
import type { HostName, Json } from '../../model/inventory.ts';
import { apiPath } from '../apiPaths.ts';
import { textAt } from '../httpJson.ts';
import type { ProbeContext } from './probe.ts';

/** Up to so many Nodes are fetched one by one: a list is everything of every Node of the cluster. */
const FETCHED_SINGLY = 6;

export interface NodesSeen {
  byName: ReadonlyMap<HostName, Json>;
  /** The apiserver's clock, milliseconds since the epoch. */
  serverTime: number;
}

/** Objects of one kind that are called like the hosts asked; only those that exist. */
export async function objectsOfHosts(
  { api, hosts }: ProbeContext,
  place: { apiVersion: string; resource: string; namespace?: string },
): Promise<NodesSeen> {
  if (hosts.length > FETCHED_SINGLY) {
    const { items, serverTime } = await api.list(apiPath(place));
    return { byName: new Map(items.map((item) => [textAt(item, 'metadata', 'name'), item])), serverTime };
  }
  const answers = await Promise.all(hosts.map((name) => api.get(apiPath({ ...place, name }))));
  const odd = answers.find(({ status }) => status !== 200 && status !== 404);
  if (odd !== undefined) {
    throw new KbinError('STEP', `kube-apiserver on ${odd.host} answers ${odd.status} for ${place.resource}`);
  }
  const found = answers.flatMap((answer, index) =>
    answer.status === 200 ? [[hosts[index] ?? '', answer.body] as const] : [],
  );
  return { byName: new Map(found), serverTime: answers[0]?.serverTime ?? 0 };
}

export const nodesOfHosts = (context: ProbeContext): Promise<NodesSeen> =>
  objectsOfHosts(context, { apiVersion: 'v1', resource: 'nodes' });

import type { JsonObject } from '../model/inventory.ts';
import type { Rotation } from '../model/pki.ts';
import type { Api } from './api.ts';
import { apiPath } from './apiPaths.ts';
import { textAt } from './httpJson.ts';

/** Annotation of pods that kbin had rolled: when the rotation began that they had to notice. Twice the same rolls once. */
export const RESTARTED = 'kbin.dev/restarted-for';

/** Workloads that roll their pods, plural path segments of apps/v1. */
export const ROLLING = ['deployments', 'statefulsets', 'daemonsets'] as const;

/** Of kbin's own workloads those that talk to the API with a client that reads its authorities only once. */
const OWN: readonly { resource: (typeof ROLLING)[number]; namespace: string; name: string }[] = [
  { resource: 'deployments', namespace: 'kube-system', name: 'coredns' },
];

const apps = (resource: string, place: { namespace?: string; name?: string } = {}): string =>
  apiPath({ apiVersion: 'apps/v1', resource, ...place });

/** What marks the pods that were rolled for a rotation. */
export const markOf = ({ startedAt }: Pick<Rotation, 'startedAt'>): string => new Date(startedAt).toISOString();

const pathOf = (resource: string, item: JsonObject): string =>
  apps(resource, { namespace: textAt(item, 'metadata', 'namespace'), name: textAt(item, 'metadata', 'name') });

/**
 * Rolls pods whose API client would never notice a new authority (REFERENCE 1.4): kbin's own, or those of every workload
 * of the cluster. Returns their API paths.
 */
export async function restartWorkloads(
  api: Pick<Api, 'list' | 'mergePatch'>,
  rotation: Pick<Rotation, 'startedAt'>,
  isEverywhere: boolean,
): Promise<string[]> {
  const found = await Promise.all(
    ROLLING.map(async (resource) =>
      (await api.list(apps(resource))).items
        .map((item) => pathOf(resource, item))
        .filter((path) => isEverywhere || OWN.some((own) => apps(own.resource, own) === path)),
    ),
  );
  const paths = found.flat();
  const annotations = { [RESTARTED]: markOf(rotation) };
  for (const path of paths) await api.mergePatch(path, { spec: { template: { metadata: { annotations } } } });
  return paths;
}

import { groupResource, keyOfGeneration, keyOfValue, storedBelow } from '../catalog/encryption.ts';
import { KbinError } from '../errors.ts';
import { coveredBy, type EncryptionGeneration, type StoredEncryption } from '../model/encryption.ts';
import { hostsWith, type Inventory } from '../model/inventory.ts';
import type { Api } from './api.ts';
import type { ApiAnswer } from './apiClient.ts';
import { apiPath } from './apiPaths.ts';
import type { StoredHeads } from './etcdValues.ts';
import { objectsAt, textAt } from './httpJson.ts';

/** What etcd holds of one resource. */
export interface StoredResource {
  resource: string;
  /** Number of values by what they are under, such as `secretbox key-20261120-103000`; `none` for those that are not encrypted. */
  counts: Record<string, number>;
  /** Under what they should be. */
  wanted: string;
  /** Names of objects that are under something else, `namespace/name`. */
  left: string[];
}

export interface StoredSource {
  inventory: Inventory;
  api: Pick<Api, 'get'>;
  heads: StoredHeads;
}

/** Where the API servers have everything in etcd. The flag is theirs; it can only be another one by an override. */
function rootOf(inventory: Inventory): string {
  const own = hostsWith(inventory, 'control-plane')[0]?.components['kube-apiserver'];
  const flag = own?.args['etcd-prefix'] ?? own?.config['etcd-prefix'];
  return typeof flag === 'string' ? `/${flag.replaceAll(/^\/+|\/+$/g, '')}` : '/registry';
}

function assertAnswered({ status, host }: ApiAnswer, path: string): void {
  if (status === 200 || status === 404) return;
  throw new KbinError('STEP', `kube-apiserver on ${host} answers ${status} at ${path}`, { host });
}

/** The answer of an object that may be missing. */
async function found(api: StoredSource['api'], path: string): Promise<ApiAnswer | undefined> {
  const answer = await api.get(path);
  assertAnswered(answer, path);
  return answer.status === 404 ? undefined : answer;
}

/** Custom resources are stored elsewhere than Kubernetes' own; a definition is called as the resource is here. */
async function isCustom(api: StoredSource['api'], name: string): Promise<boolean> {
  // Groups without a dot are Kubernetes' own.
  if (!groupResource(name).group.includes('.')) return false;
  const place = { apiVersion: 'apiextensions.k8s.io/v1', resource: 'customresourcedefinitions', name };
  return (await found(api, apiPath(place))) !== undefined;
}

/** `v1`, `apps/v1`; undefined where no API server has the group. */
async function apiVersionOf(api: StoredSource['api'], name: string): Promise<string | undefined> {
  const { group } = groupResource(name);
  if (group === '') return 'v1';
  const answer = await found(api, `/apis/${encodeURIComponent(group)}`);
  return answer === undefined ? undefined : textAt(answer.body, 'preferredVersion', 'groupVersion');
}

/** API paths of objects of a resource, `namespace/name` or `name`. Throws STEP where no API server has its group. */
export async function objectPaths(
  api: StoredSource['api'],
  name: string,
  objects: readonly string[],
): Promise<string[]> {
  if (objects.length === 0) return [];
  const apiVersion = await apiVersionOf(api, name);
  if (apiVersion === undefined) {
    throw new KbinError('STEP', `etcd has objects of ${name}, but no API server knows its group`, {
      hint: 'Install the API that they belong to, or delete them from etcd.',
    });
  }
  const { resource } = groupResource(name);
  return objects.map((object) => {
    const [first = '', second] = object.split('/');
    const place = second === undefined ? { name: first } : { namespace: first, name: second };
    return apiPath({ apiVersion, resource, ...place });
  });
}

/** An empty prefix proves nothing when the API has objects: then they are somewhere else. */
async function assertNowhereElse(api: StoredSource['api'], name: string, prefix: string): Promise<void> {
  const apiVersion = await apiVersionOf(api, name);
  if (apiVersion === undefined) return;
  const path = apiPath({ apiVersion, resource: groupResource(name).resource });
  const answer = await found(api, `${path}?limit=1`);
  if (answer === undefined || objectsAt(answer.body, 'items').length === 0) return;
  throw new KbinError('STEP', `the API has ${name}, but etcd has nothing below ${prefix}: nothing can be proved`, {
    hint: 'Are they kept in another etcd (etcd-servers-overrides)? Take them out of encryption.resources.',
  });
}

const wantedOf = (current: EncryptionGeneration, resource: string): string =>
  current.resources.includes(resource) ? keyOfGeneration(current) : 'none';

/** What etcd itself holds of every resource that is, was or will be encrypted. Throws CONNECT and STEP. */
export async function storedResources(source: StoredSource, encryption: StoredEncryption): Promise<StoredResource[]> {
  const { current, next, old } = encryption;
  const { api, heads, inventory } = source;
  const found: StoredResource[] = [];
  for (const resource of coveredBy([current, next, old].filter((one) => one !== undefined))) {
    const prefix = `${rootOf(inventory)}/${storedBelow(resource, await isCustom(api, resource))}/`;
    const values = await heads(prefix);
    if (values.length === 0) await assertNowhereElse(api, resource, prefix);
    const wanted = wantedOf(current, resource);
    const counts: Record<string, number> = {};
    const left: string[] = [];
    for (const { key, head } of values) {
      const under = keyOfValue(head);
      counts[under] = (counts[under] ?? 0) + 1;
      if (under !== wanted) left.push(key.slice(prefix.length));
    }
    found.push({ resource, counts, wanted, left });
  }
  return found;
}

/** `secrets: 34 under secretbox key-20261120-103000, 2 under none` */
export function storedText({ resource, counts }: Pick<StoredResource, 'resource' | 'counts'>): string {
  const parts = Object.entries(counts).map(([under, count]) =>
    under === 'none' ? `${count} not encrypted` : `${count} under ${under}`,
  );
  return `${resource}: ${parts.length === 0 ? 'none there' : parts.join(', ')}`;
}

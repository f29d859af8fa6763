import type { StoredHead } from '../../src/engine/etcdValues.ts';
import { KbinError } from '../../src/errors.ts';
import type { ApiFacts } from '../../src/model/facts.ts';
import type { HostName, JsonObject } from '../../src/model/inventory.ts';
import type { ApiObject, Desired, NodeSettings } from '../../src/model/resource.ts';
import type { Cluster } from './cluster.ts';
import type { Script } from './hostScripts.ts';
import { connectionLost } from './operations.ts';

const ADMIN_BINDING = 'kubeadm:cluster-admins';

const taintText = ({ key, value, effect }: NodeSettings['taints'][number]): string => `${key}=${value ?? ''}:${effect}`;

/** Server-side apply as the API does it, as far as it matters: who may, and what is kept. */
export function* objectScript(cluster: Cluster, serving: readonly HostName[], object: ApiObject): Script<JsonObject> {
  if (serving.length === 0) throw connectionLost('api', false);
  const isBound = [...cluster.objects.keys()].some((id) => id.includes(ADMIN_BINDING));
  if (object.bootstrap !== true && !isBound) {
    throw new KbinError('STEP', `kube-apiserver refused to apply ${object.id}: 403`);
  }
  yield 'asked';
  // What the API adds by itself must not look like a difference.
  const live = { ...structuredClone(object.object), status: {} } as unknown as JsonObject;
  cluster.objects.set(object.id, live);
  yield 'stored';
  return live;
}

export function* nodeScript(cluster: Cluster, serving: readonly HostName[], settings: NodeSettings): Script<void> {
  if (serving.length === 0) throw connectionLost('api', false);
  cluster.settle();
  const node = cluster.nodes.get(settings.host);
  if (node === undefined) throw new KbinError('STEP', `kube-apiserver refused to label Node ${settings.host}: 404`);
  yield 'asked';
  const gone = node.ownLabels.filter((key) => settings.labels[key] === undefined);
  node.labels = {
    ...Object.fromEntries(Object.entries(node.labels).filter(([key]) => !gone.includes(key))),
    ...settings.labels,
  };
  const wanted = settings.taints.map(taintText);
  const foreign = node.taints.filter(
    (taint) => !node.ownTaints.includes(taintText(taint)) && !wanted.includes(taintText(taint)),
  );
  node.taints = [...foreign, ...structuredClone(settings.taints)];
  node.ownLabels = Object.keys(settings.labels);
  node.ownTaints = wanted;
  yield 'stored';
}

/** An empty patch of a Secret, as the API server that answers writes it. */
export function* rewriteScript(cluster: Cluster, path: string): Script<void> {
  const [host] = cluster.servingHosts();
  if (host === undefined) throw connectionLost('api', false);
  yield 'asked';
  const [, namespace = '', name = ''] = /^\/api\/v1\/namespaces\/([^/]+)\/secrets\/([^/]+)$/.exec(path) ?? [];
  cluster.secrets.rewrite(host, `${namespace}/${name}`);
  yield 'stored';
}

export function* headsScript(cluster: Cluster, prefix: string): Script<StoredHead[]> {
  yield 'asked';
  if (!cluster.hasQuorum()) throw connectionLost('etcd', false);
  return prefix === '/registry/secrets/' ? cluster.secrets.heads(prefix) : [];
}

export function* lookScript(cluster: Cluster, serving: readonly HostName[], desired: Desired): Script<ApiFacts | null> {
  yield 'asked';
  cluster.settle();
  const ready = cluster.servingHosts();
  if (!serving.some((host) => ready.includes(host))) return null;
  return {
    objects: Object.fromEntries(desired.api.map(({ id }) => [id, structuredClone(cluster.objects.get(id) ?? null)])),
    nodes: structuredClone(Object.fromEntries(cluster.nodes)),
  };
}

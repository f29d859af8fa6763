import type { ApiFacts } from '../model/facts.ts';
import { hostsWith, type HostName, type Json, type JsonObject } from '../model/inventory.ts';
import type { Clock } from '../model/ports.ts';
import type { ApiObject, Desired, NodeSettings } from '../model/resource.ts';
import { ApiClient, type ApiAnswer, type ApiQuestion, type ApiSource } from './apiClient.ts';
import { nodeFacts, nodePatch } from './apiNodes.ts';
import { apiPath, objectPath, objectTitle } from './apiPaths.ts';
import { refusal, settle } from './apiPatience.ts';
import { fanOut } from './fanOut.ts';
import { objectsAt, textAt } from './httpJson.ts';

/** An apiserver that is up answers in milliseconds. */
const OBSERVE_SECONDS = 3;
const OBJECTS_AT_ONCE = 4;
const PAGE = 250;

export interface ApiList {
  items: JsonObject[];
  /** The apiserver's clock, milliseconds since the epoch. */
  serverTime: number;
}

/** The cluster's API through whichever control-plane host answers. Methods throw CONNECT when none does. */
export interface Api {
  /** Any status is an answer. Read as admin, and as super-admin where admin is not bound to its role yet. */
  get(path: string): Promise<ApiAnswer>;
  /** All items of a collection; throws STEP when it is refused. */
  list(path: string): Promise<ApiList>;
  /** Server-side apply as field manager `kbin`, by force; what the API made of it. Throws STEP when it is refused. */
  serverSideApply(object: ApiObject): Promise<JsonObject>;
  /** Deletion is asked for, not awaited; an object that is not there is fine. Throws STEP when it is refused. */
  remove(path: string): Promise<void>;
  /** Merge patch of one object (RFC 7386), for fields that kbin does not keep. Throws STEP when it is refused. */
  mergePatch(path: string, body: JsonObject): Promise<void>;
  /** The same for an object that was read, by its `resourceVersion` in the body; false when it has changed or is gone. */
  patchAsRead(path: string, body: JsonObject): Promise<boolean>;
  /** Has one object written to etcd again as it is; one that is not there is fine. Throws STEP when it is refused. */
  rewrite(path: string): Promise<void>;
  /** Labels and taints of a Node; see `nodePatch`. Throws STEP when the Node is missing or the change refused. */
  applyNodeSettings(settings: NodeSettings): Promise<void>;
}

async function read(client: ApiClient, path: string): Promise<ApiAnswer> {
  const answer = await client.ask({ path });
  return answer.status === 403 ? client.ask({ path, identity: 'super-admin' }) : answer;
}

async function listAll(client: ApiClient, path: string): Promise<ApiList> {
  const items: JsonObject[] = [];
  let next = '';
  let serverTime = 0;
  do {
    const query = `limit=${PAGE}${next === '' ? '' : `&continue=${encodeURIComponent(next)}`}`;
    const answer = await read(client, `${path}${path.includes('?') ? '&' : '?'}${query}`);
    if (answer.status !== 200) throw refusal(answer, `GET ${path}`);
    items.push(...objectsAt(answer.body, 'items'));
    next = textAt(answer.body, 'metadata', 'continue');
    serverTime = answer.serverTime;
  } while (next !== '');
  return { items, serverTime };
}

const applyQuestion = ({ object, bootstrap, resource }: ApiObject): ApiQuestion => ({
  method: 'PATCH',
  path: `${objectPath({ object, resource })}?fieldManager=kbin&force=true`,
  contentType: 'application/apply-patch+yaml',
  body: object,
  identity: bootstrap === true ? 'super-admin' : 'admin',
});

const patchQuestion = (path: string, body: JsonObject): ApiQuestion => ({
  method: 'PATCH',
  path: `${path}?fieldManager=kbin-rotation`,
  contentType: 'application/merge-patch+json',
  body,
});

async function patchNode(client: ApiClient, settings: NodeSettings): Promise<ApiAnswer> {
  const path = apiPath({ apiVersion: 'v1', resource: 'nodes', name: settings.host });
  const live = await client.ask({ path });
  if (live.status !== 200) return live;
  const body = nodePatch(live.body, settings);
  if (body === null) return live;
  return client.ask({
    method: 'PATCH',
    path: `${path}?fieldManager=kbin`,
    contentType: 'application/merge-patch+json',
    body,
  });
}

/** The API as seen through the control-plane hosts that have not failed. */
export function kubernetesApi(
  source: Omit<ApiSource, 'hosts'> & { clock: Clock },
  failed: { has(host: HostName): boolean } = new Set<HostName>(),
): Api {
  const names = hostsWith(source.inventory, 'control-plane').map((host) => host.name);
  const client = new ApiClient({ ...source, hosts: names.filter((name) => !failed.has(name)) });
  const { clock } = source;
  return {
    get: (path) => read(client, path),
    list: (path) => listAll(client, path),
    serverSideApply: async (object) => {
      const what = `to apply ${objectTitle(object.object)}`;
      return (await settle(clock, what, () => client.ask(applyQuestion(object)))).body as JsonObject;
    },
    remove: async (path) => {
      await settle(clock, `DELETE ${path}`, async () => {
        const answer = await client.ask({ method: 'DELETE', path: `${path}?propagationPolicy=Background` });
        return answer.status === 404 ? { ...answer, status: 200 } : answer;
      });
    },
    mergePatch: async (path, body) => {
      await settle(clock, `PATCH ${path}`, () => client.ask(patchQuestion(path, body)));
    },
    patchAsRead: async (path, body) => {
      const { isOther } = await settle(clock, `PATCH ${path}`, async () => {
        const answer = await client.ask(patchQuestion(path, body));
        const isOther = answer.status === 404 || answer.status === 409;
        return { ...answer, isOther, ...(isOther ? { status: 200 } : {}) };
      });
      return !isOther;
    },
    rewrite: async (path) => {
      await settle(clock, `to write ${path} again`, async () => {
        const answer = await client.ask(patchQuestion(path, {}));
        return answer.status === 404 ? { ...answer, status: 200 } : answer;
      });
    },
    applyNodeSettings: async (settings) => {
      await settle(clock, `to label Node ${settings.host}`, () => patchNode(client, settings));
    },
  };
}

/**
 * What the API says of the objects and Nodes that kbin keeps; null when no kube-apiserver says within three seconds
 * that it is ready.
 *
 * @throws KbinError STEP when a ready kube-apiserver refuses to show an object.
 */
export async function observeApi(
  source: ApiSource & { desired: Pick<Desired, 'api' | 'nodes'> },
): Promise<ApiFacts | null> {
  const client = new ApiClient(source);
  if (!(await client.isReady(OBSERVE_SECONDS))) return null;
  const readObject = async (object: ApiObject): Promise<readonly [string, Json]> => {
    const answer = await read(client, objectPath(object));
    if (answer.status !== 200 && answer.status !== 404) throw refusal(answer, `GET ${objectPath(object)}`);
    return [object.id, answer.status === 404 ? null : answer.body];
  };
  const [objects, nodes] = await Promise.all([
    fanOut(source.desired.api, OBJECTS_AT_ONCE, readObject),
    listAll(client, '/api/v1/nodes'),
  ]);
  const kept = new Set(source.desired.nodes.map((settings) => settings.host));
  const live = nodes.items.map((node) => [textAt(node, 'metadata', 'name'), nodeFacts(node)] as const);
  return {
    objects: Object.fromEntries(
      objects.map((result) => {
        if (!result.ok) throw result.error;
        return result.value;
      }),
    ),
    nodes: Object.fromEntries(live.filter(([name]) => kept.has(name))),
  };
}

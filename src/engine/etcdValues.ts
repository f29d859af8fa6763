import { HEAD_BYTES } from '../catalog/encryption.ts';
import { KbinError } from '../errors.ts';
import { hostsWith, type HostName, type Inventory, type Json } from '../model/inventory.ts';
import { printable } from '../model/plainText.ts';
import type { PkiStore } from '../model/ports.ts';
import type { Connections } from './apiClient.ts';
import { request } from './http.ts';
import { field, objectsAt, parseJson, textAt } from './httpJson.ts';
import type { HttpTarget } from './httpStreams.ts';
import { endpointTarget, etcdTls, memberTarget } from './probes/etcd.ts';

/** A key of etcd below some prefix, and what its value begins with. */
export interface StoredHead {
  key: string;
  head: string;
}

/** All keys below a prefix, as etcd holds them now. Throws CONNECT when no member answers, STEP when one refuses. */
export type StoredHeads = (prefix: string) => Promise<StoredHead[]>;

export interface EtcdSource {
  inventory: Inventory;
  fleet: Connections;
  pki: PkiStore;
}

const PAGE = 100;
/** A value can have 1.5 MiB, a third more in base64, and an answer 16 MiB (http.ts). */
const PAGE_OF_LARGE = 5;
const PAGE_SECONDS = 30;

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const textOf = (encoded: string): string => Buffer.from(encoded, 'base64').toString();
/** Only the beginning of a value is kept. What is not encrypted is the object itself. */
const headOf = (encoded: string): string =>
  Buffer.from(encoded.slice(0, Math.ceil(HEAD_BYTES / 3) * 4), 'base64')
    .subarray(0, HEAD_BYTES)
    .toString('latin1');

/** Members of the cluster's etcd each through its own host, endpoints of somebody else's through the control planes. */
async function targetsOf({
  inventory,
  fleet,
  pki,
}: EtcdSource): Promise<{ host: HostName; open: () => Promise<HttpTarget> }[]> {
  const tls = await etcdTls(pki, inventory);
  const { external } = inventory.etcd;
  if (external === undefined) {
    return hostsWith(inventory, 'etcd').map(({ name: host }) => ({
      host,
      open: async () => memberTarget(await fleet.connection(host), tls),
    }));
  }
  return hostsWith(inventory, 'control-plane').flatMap(({ name: host }) =>
    external.endpoints.map((endpoint) => ({
      host,
      open: async () => endpointTarget(await fleet.connection(host), endpoint, tls),
    })),
  );
}

interface Range {
  from: string;
  until: string;
  limit: number;
}

async function pageOf(target: HttpTarget, { from, until, limit }: Range): Promise<Json> {
  const answer = await request({
    ...target,
    method: 'POST',
    path: '/v3/kv/range',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ key: base64(from), range_end: base64(until), limit: String(limit) }),
    timeoutSeconds: PAGE_SECONDS,
  });
  const body = parseJson(answer.body);
  if (answer.status === 200 && textAt(body, 'header', 'cluster_id') !== '') return body;
  const { host } = target.connection;
  // The body of another answer could be an object.
  throw new KbinError(
    'STEP',
    `etcd on ${host} refused /v3/kv/range: ${answer.status} ${printable(textAt(body, 'message'), 200)}`,
    {
      host,
      hint: 'Its JSON gateway must answer the client certificate of the API servers (etcd without user authentication).',
    },
  );
}

async function headsBelow(target: HttpTarget, prefix: string): Promise<StoredHead[]> {
  const heads: StoredHead[] = [];
  // The character after the slash, so that the range ends where the prefix does.
  const until = prefix.replace(/\/$/, '0');
  let limit = PAGE;
  const pageFrom = (from: string): Promise<Json> =>
    pageOf(target, { from, until, limit }).catch((error: unknown) => {
      // Their values may be so large that the answer is too long: from here on few are asked for.
      if (limit === PAGE_OF_LARGE) throw error;
      limit = PAGE_OF_LARGE;
      return pageFrom(from);
    });
  for (let from = prefix; ;) {
    const page = await pageFrom(from);
    const values = objectsAt(page, 'kvs');
    heads.push(...values.map((value) => ({ key: textOf(textAt(value, 'key')), head: headOf(textAt(value, 'value')) })));
    const last = heads.at(-1);
    if (field(page, 'more') !== true || values.length === 0 || last === undefined) return heads;
    from = `${last.key}\u0000`;
  }
}

/**
 * Reads etcd itself, past the API servers: through its JSON gateway, with the certificates that probes have.
 * `prefix` ends with a slash.
 */
export const etcdHeads =
  (source: EtcdSource): StoredHeads =>
  async (prefix) => {
    const reasons: string[] = [];
    for (const { host, open } of await targetsOf(source)) {
      try {
        return await headsBelow(await open(), prefix);
      } catch (error) {
        if (!(error instanceof KbinError) || (error.code !== 'CONNECT' && error.code !== 'TIMEOUT')) throw error;
        reasons.push(`${host}: ${error.message}`);
      }
    }
    throw new KbinError('CONNECT', `no etcd answers for ${prefix}`, {
      evidence: reasons,
      hint: 'Look at etcd.service, then run the same command again.',
    });
  };

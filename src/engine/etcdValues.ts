import { HEAD_BYTES } from '../catalog/encryption.ts';
import { KbinError } from '../errors.ts';
import type { Json } from '../model/inventory.ts';
import { etcdEndpoints, type EtcdSource } from './etcdEndpoints.ts';
import { askGateway, ETCD } from './etcdGateway.ts';
import { field, objectsAt, textAt } from './httpJson.ts';
import type { HttpTarget } from './httpStreams.ts';

/** A key of etcd below some prefix, and what its value begins with. */
export interface StoredHead {
  key: string;
  head: string;
}

/** All keys below a prefix, as etcd holds them now. Throws CONNECT when no member answers, STEP when one refuses. */
export type StoredHeads = (prefix: string) => Promise<StoredHead[]>;

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

interface Range {
  from: string;
  until: string;
  limit: number;
}

const pageOf = (target: HttpTarget, { from, until, limit }: Range): Promise<Json> =>
  askGateway(target, {
    path: ETCD.range,
    body: { key: base64(from), range_end: base64(until), limit: String(limit) },
    timeoutSeconds: PAGE_SECONDS,
    isRepeatable: true,
  });

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
    for (const { host, open } of await etcdEndpoints(source)) {
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

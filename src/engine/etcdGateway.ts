import { KbinError } from '../errors.ts';
import type { Json, JsonObject } from '../model/inventory.ts';
import { printable } from '../model/plainText.ts';
import { request, type HttpResponse } from './http.ts';
import { field, isJsonObject, parseJson, textAt } from './httpJson.ts';
import type { HttpTarget } from './httpStreams.ts';

/** Paths of etcd's JSON gateway (REFERENCE 4); all are POST. */
export const ETCD = {
  range: '/v3/kv/range',
  put: '/v3/kv/put',
  deleteRange: '/v3/kv/deleterange',
  compact: '/v3/kv/compaction',
  status: '/v3/maintenance/status',
  alarm: '/v3/maintenance/alarm',
  defragment: '/v3/maintenance/defragment',
  hashKv: '/v3/maintenance/hashkv',
  moveLeader: '/v3/maintenance/transfer-leadership',
  members: '/v3/cluster/member/list',
  memberAdd: '/v3/cluster/member/add',
  memberRemove: '/v3/cluster/member/remove',
  memberUpdate: '/v3/cluster/member/update',
  memberPromote: '/v3/cluster/member/promote',
} as const;

/** Codes of google.rpc.Code, which etcd uses for its own errors (api/v3rpc/rpctypes/error.go). */
export const GRPC = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

export interface GatewayCall {
  path: string;
  body?: JsonObject;
  timeoutSeconds: number;
  /** It changes nothing: asked again when a kept stream turns out to be closed. */
  isRepeatable?: boolean;
  /** The answer begins with etcd's header. Default true; only defragment and move leader answer without. */
  hasHeader?: boolean;
}

/** etcd answered, and refused. */
export class GatewayError extends KbinError {
  readonly path: string;
  /** Of HTTP. */
  readonly status: number;
  /** One of GRPC; undefined when it was not etcd that answered. */
  readonly grpcCode: number | undefined;
  /** For a line beside the host's name. */
  readonly short: string;

  constructor(host: string, path: string, { status, body }: HttpResponse) {
    const said = parseJson(body);
    const message = printable(textAt(said, 'message'), 200);
    // What another program answers with success is not said: it could be anything.
    const words = status === 200 ? 'what answers is not etcd' : message;
    super('STEP', `etcd on ${host} refused ${path}: ${status}${words === '' ? '' : ` ${words}`}`, {
      host,
      hint: 'Its JSON gateway must answer the client certificate of the API servers (etcd without user authentication).',
    });
    this.name = 'GatewayError';
    this.path = path;
    this.status = status;
    const code = field(said, 'code');
    this.grpcCode = typeof code === 'number' && status !== 200 ? code : undefined;
    this.short =
      status === 200
        ? `${path} is not what etcd answers`
        : `${path} answers ${status}${message === '' ? '' : `: ${message}`}`;
  }
}

/**
 * What a member's JSON gateway answers. 64-bit numbers in it are texts; zeros, false and empty fields are absent
 * (REFERENCE 3).
 *
 * @throws UnansweredError (CONNECT, TIMEOUT); GatewayError (STEP) for any other answer than success.
 */
export async function askGateway(target: HttpTarget, call: GatewayCall): Promise<Json> {
  const { path, body = {}, timeoutSeconds, isRepeatable = false, hasHeader = true } = call;
  const answer = await request({
    ...target,
    method: 'POST',
    path,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    isRepeatable,
    timeoutSeconds,
  });
  const said = parseJson(answer.body);
  const isEtcds = hasHeader ? textAt(said, 'header', 'cluster_id') !== '' : isJsonObject(said);
  if (answer.status !== 200 || !isEtcds) throw new GatewayError(target.connection.host, path, answer);
  return said;
}

import type { Json, JsonObject } from '../../model/inventory.ts';
import { printable } from '../../model/plainText.ts';
import { alarmsIn, membersIn, statusIn } from '../etcdAnswers.ts';
import { askGateway, ETCD, GatewayError } from '../etcdGateway.ts';
import { request, UnansweredError, type HttpResponse } from '../http.ts';
import { parseJson, textAt } from '../httpJson.ts';
import type { HttpTarget } from '../httpStreams.ts';
import { alarmAnswer, type MemberState } from './etcdVerdict.ts';
import { REQUEST_SECONDS, refused, type Answer } from './probe.ts';

/** `listen-metrics-urls` of kbin's members. */
export const METRICS_PORT = 2381;

/** Fault of a `/health` answer, undefined when it is healthy. It names alarms and a missing leader at once. */
export function healthFault({ status, body }: Pick<HttpResponse, 'status' | 'body'>): Answer | undefined {
  const said = parseJson(body);
  if (status === 200 && textAt(said, 'health') === 'true') return undefined;
  if (status === 401 || status === 403) return refused(`${status}: it does not accept our certificate`);
  const reason = textAt(said, 'reason');
  if (reason === 'RAFT NO LEADER') return refused('no leader');
  if (reason.startsWith('ALARM ')) return alarmAnswer(reason.slice('ALARM '.length));
  return refused(reason === '' ? `/health answers ${status}` : `unhealthy: ${printable(reason, 200)}`);
}

/** Fault of a `/readyz?verbose` answer. 404: before 3.5.11, where /health is all there is. */
function readyFault({ status, body }: HttpResponse): Answer | undefined {
  if (status === 200 || status === 404) return undefined;
  const failing = [...body.matchAll(/^\[-\](\S+)/gm)].map((match) => match[1] ?? '');
  return refused(failing.length === 0 ? `/readyz answers ${status}` : `not ready: ${failing.join(', ')}`);
}

/**
 * A member that has no quorum yet does not serve its client port at all: only its metrics port tells why. Undefined
 * when that port has nothing to say.
 */
export async function metricsFault(target: Omit<HttpTarget, 'tls'>): Promise<Answer | undefined> {
  try {
    const asked = { connection: target.connection, address: target.address, port: METRICS_PORT };
    return healthFault(await request({ ...asked, path: '/health', timeoutSeconds: REQUEST_SECONDS }));
  } catch (error) {
    if (error instanceof UnansweredError) return undefined;
    throw error;
  }
}

/** What the gates compare, of three answers of the JSON gateway. */
export function stateFrom(status: Json, alarm: Json, list: Json): MemberState {
  const { memberId, clusterId, leader, raftTerm, isLearner, raftIndex, raftAppliedIndex, errors } = statusIn(status);
  return {
    ...{ memberId, clusterId, leader, isLearner, errors },
    term: String(raftTerm),
    lag: raftIndex - raftAppliedIndex,
    alarms: alarmsIn(alarm),
    members: membersIn(list),
  };
}

/** What a member says on its client port: its state, or why it is not ready. Throws UnansweredError. */
export async function askMember(target: HttpTarget): Promise<MemberState | Answer> {
  const get = (path: string): Promise<HttpResponse> => request({ ...target, path, timeoutSeconds: REQUEST_SECONDS });
  const fault = healthFault(await get('/health')) ?? readyFault(await get('/readyz?verbose'));
  if (fault !== undefined) return fault;
  try {
    const ask = (path: string, body: JsonObject = {}): Promise<Json> =>
      askGateway(target, { path, body, timeoutSeconds: REQUEST_SECONDS, isRepeatable: true });
    const status = await ask(ETCD.status);
    // NOSPACE is not in readyz.
    return stateFrom(status, await ask(ETCD.alarm, { action: 'GET' }), await ask(ETCD.members));
  } catch (error) {
    if (error instanceof GatewayError) return refused(error.short);
    throw error;
  }
}

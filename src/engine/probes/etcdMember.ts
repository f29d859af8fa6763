import type { Json } from '../../model/inventory.ts';
import { printable } from '../../model/plainText.ts';
import { request, UnansweredError, type HttpResponse } from '../http.ts';
import { field, objectsAt, parseJson, textAt } from '../httpJson.ts';
import type { HttpTarget } from '../httpStreams.ts';
import { alarmAnswer, type MemberState } from './etcdVerdict.ts';
import { REQUEST_SECONDS, refused, type Answer } from './probe.ts';

/** `listen-metrics-urls` of kbin's members. */
const METRICS_PORT = 2381;

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

const memberOf = (member: Json): MemberState['members'][number] => ({
  id: textAt(member, 'ID'),
  name: textAt(member, 'name'),
  isLearner: field(member, 'isLearner') === true,
});

/** From the JSON gateway, which writes 64-bit numbers as texts and leaves out zeros (REFERENCE 3). */
export function stateFrom(status: Json, alarm: Json, list: Json): MemberState {
  const errors = field(status, 'errors');
  const leader = textAt(status, 'leader');
  return {
    memberId: textAt(status, 'header', 'member_id'),
    clusterId: textAt(status, 'header', 'cluster_id'),
    leader: leader === '0' ? '' : leader,
    term: textAt(status, 'raftTerm'),
    isLearner: field(status, 'isLearner') === true,
    lag: Number(textAt(status, 'raftIndex')) - Number(textAt(status, 'raftAppliedIndex')),
    errors: Array.isArray(errors) ? errors.filter((error) => typeof error === 'string') : [],
    alarms: objectsAt(alarm, 'alarms').map((entry) => ({
      memberId: textAt(entry, 'memberID'),
      alarm: textAt(entry, 'alarm'),
    })),
    members: objectsAt(list, 'members').map(memberOf),
  };
}

/** What a member says on its client port: its state, or why it is not ready. Throws UnansweredError. */
export async function askMember(target: HttpTarget): Promise<MemberState | Answer> {
  const get = (path: string): Promise<HttpResponse> => request({ ...target, path, timeoutSeconds: REQUEST_SECONDS });
  const fault = healthFault(await get('/health')) ?? readyFault(await get('/readyz?verbose'));
  if (fault !== undefined) return fault;
  const calls = [
    ['/v3/maintenance/status', {}],
    // NOSPACE is not in readyz.
    ['/v3/maintenance/alarm', { action: 'GET' }],
    ['/v3/cluster/member/list', {}],
  ] as const;
  const answers: Json[] = [];
  for (const [path, body] of calls) {
    const headers = { 'content-type': 'application/json' };
    const asked = { ...target, method: 'POST', path, headers, body: JSON.stringify(body) };
    const answer = await request({ ...asked, timeoutSeconds: REQUEST_SECONDS });
    if (answer.status !== 200) {
      const message = printable(textAt(parseJson(answer.body), 'message'), 200);
      return refused(`${path} answers ${answer.status}${message === '' ? '' : `: ${message}`}`);
    }
    answers.push(parseJson(answer.body));
  }
  const [status = null, alarm = null, list = null] = answers;
  if (textAt(status, 'header', 'member_id') === '') return refused('/v3/maintenance/status is not what etcd answers');
  return stateFrom(status, alarm, list);
}

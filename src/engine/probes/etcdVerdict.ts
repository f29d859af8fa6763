import { printable } from '../../model/plainText.ts';
import { passed, refused, type Answer, type Answers } from './probe.ts';

/** What one member says of itself and of the cluster. Ids are decimal texts: they do not fit a number. */
export interface MemberState {
  memberId: string;
  clusterId: string;
  /** '' while it knows none. */
  leader: string;
  term: string;
  isLearner: boolean;
  /** Entries of the log that it has not applied yet. */
  lag: number;
  errors: string[];
  alarms: { memberId: string; alarm: string }[];
  members: { id: string; name: string; isLearner: boolean }[];
}

/** etcd itself refuses requests at 5000. */
const MAX_LAG = 500;

const ALARM_HINTS: Record<string, string> = {
  NOSPACE:
    'etcd refuses writes: compact its history, defragment each member, disarm the alarm, then find what fills it or raise quota-backend-bytes.',
  CORRUPT:
    'A member differs from the others: compare their HashKV at one revision, replace the odd one, then disarm the alarm.',
};

/** An alarm by etcd's name for it, with the way out. */
export const alarmAnswer = (alarm: string, member?: string): Answer =>
  refused(`alarm ${printable(alarm, 40)}${member === undefined ? '' : ` of ${member}`}`, ALARM_HINTS[alarm]);

const nameOf = (state: MemberState, id: string): string => {
  const name = state.members.find((member) => member.id === id)?.name ?? '';
  return name === '' ? `member ${id}` : printable(name, 80);
};

/** What is wrong with a member by its own words; undefined when nothing is. */
function ownFault(state: MemberState, expectedMembers: number | undefined): Answer | undefined {
  const [alarm] = state.alarms;
  if (alarm !== undefined) return alarmAnswer(alarm.alarm, nameOf(state, alarm.memberId));
  if (state.leader === '') return refused('no leader');
  if (state.isLearner) return refused('is a learner that was not promoted');
  if (state.errors.length > 0) return refused(printable(state.errors.join(', '), 200));
  if (state.lag > MAX_LAG) return refused(`more than ${MAX_LAG} log entries behind`);
  if (expectedMembers !== undefined && state.members.length !== expectedMembers) {
    const names = state.members.map((member) => nameOf(state, member.id)).join(', ');
    return refused(
      `the cluster has ${state.members.length} members (${names}), the inventory ${expectedMembers}`,
      'Remove members that are gone, or correct the hosts with role etcd in the inventory.',
    );
  }
  const waiting = state.members.find((member) => member.name === '' || member.isLearner);
  return waiting === undefined ? undefined : refused(`${nameOf(state, waiting.id)} has not joined yet`);
}

const viewOf = (state: MemberState): string => `${state.clusterId} ${state.leader} ${state.term}`;

/** The view that more members share than any other; undefined when there is no such view. */
function commonView(states: readonly MemberState[]): MemberState | undefined {
  const countOf = (state: MemberState): number => states.filter((other) => viewOf(other) === viewOf(state)).length;
  const [first] = states.toSorted((a, b) => countOf(b) - countOf(a));
  if (first === undefined) return undefined;
  const rival = states.find((state) => viewOf(state) !== viewOf(first) && countOf(state) === countOf(first));
  return rival === undefined ? first : undefined;
}

function disagreement(state: MemberState, common: MemberState | undefined): Answer | undefined {
  if (common === undefined) return refused('the members do not agree on a leader and cluster');
  if (state.clusterId !== common.clusterId) {
    return refused(
      `is in another etcd cluster (${state.clusterId}, the others in ${common.clusterId})`,
      'It was started with other initial members or an old data directory: compare /var/lib/etcd with the others.',
    );
  }
  if (viewOf(state) === viewOf(common)) return undefined;
  const others = nameOf(common, common.leader);
  return refused(`sees leader ${nameOf(state, state.leader)} in term ${state.term}, the others ${others}`);
}

/** Compares what the members said; one answer each. `expectedMembers` is left out for an etcd that is not kbin's. */
export function verdicts(states: ReadonlyMap<string, MemberState>, expectedMembers?: number): Answers {
  const common = commonView([...states.values()]);
  const answerOf = (state: MemberState): Answer =>
    ownFault(state, expectedMembers) ??
    disagreement(state, common) ??
    passed(state.leader === state.memberId ? 'leader' : `follows ${nameOf(state, state.leader)}`);
  return Object.fromEntries([...states].map(([member, state]) => [member, answerOf(state)]));
}

import type { EtcdStatus } from '../engine/etcdAnswers.ts';

/** A member that answered. */
export interface Answered<M> {
  member: M;
  status: EtcdStatus;
}

export interface Candidate<M> extends Answered<M> {
  /** Entries of the log that it has not applied, of those that any member knows to be committed. */
  lag: number;
}

/** The cluster that most of them are in. */
function commonCluster(statuses: readonly EtcdStatus[]): string | undefined {
  const countOf = (id: string): number => statuses.filter(({ clusterId }) => clusterId === id).length;
  const [first] = statuses.map(({ clusterId }) => clusterId).toSorted((a, b) => countOf(b) - countOf(a));
  return first;
}

/**
 * Members that a snapshot can be taken from, the best first: followers before the leader, which has enough to do, then
 * those with the least lag. A member without a leader, a learner, one of another cluster is none.
 */
export function candidates<M>(answered: readonly Answered<M>[]): Candidate<M>[] {
  const statuses = answered.map(({ status }) => status);
  const cluster = commonCluster(statuses);
  const committed = Math.max(...statuses.map(({ raftIndex }) => raftIndex));
  const isLeader = ({ status }: Candidate<M>): number => Number(status.leader === status.memberId);
  return answered
    .filter(({ status }) => status.clusterId === cluster && status.leader !== '' && !status.isLearner)
    .map(({ member, status }) => ({ member, status, lag: committed - status.raftAppliedIndex }))
    .toSorted((a, b) => isLeader(a) - isLeader(b) || a.lag - b.lag);
}

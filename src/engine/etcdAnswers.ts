import type { Json } from '../model/inventory.ts';
import { field, objectsAt, textAt } from './httpJson.ts';

/** What a member tells of itself. Ids are decimal texts: they do not fit a number. */
export interface EtcdStatus {
  memberId: string;
  clusterId: string;
  /** Of its own store: a member that lags tells an older one. */
  revision: number;
  /** Such as 3.6.16. */
  version: string;
  /** Size of the database file, and what of it is in use. */
  dbBytes: number;
  dbInUseBytes: number;
  /** quota-backend-bytes; since 3.6. */
  dbQuotaBytes?: number;
  /** Id of the leader; '' while it knows none. */
  leader: string;
  /** What is committed, and what of it this member has applied. */
  raftIndex: number;
  raftAppliedIndex: number;
  raftTerm: number;
  isLearner: boolean;
  /** In etcd's words; alarms are among them. */
  errors: string[];
  /** Of the database file, such as 3.6.0; since 3.6. */
  storageVersion?: string;
}

export interface EtcdMember {
  id: string;
  /** '' until it has started. */
  name: string;
  peerUrls: string[];
  /** None until it has started. */
  clientUrls: string[];
  isLearner: boolean;
}

export interface EtcdAlarm {
  memberId: string;
  /** NOSPACE or CORRUPT. */
  alarm: string;
}

/** Absent is zero. */
const numberAt = (value: Json, ...path: string[]): number => Number(textAt(value, ...path));

const textsIn = (value: Json | undefined): string[] =>
  Array.isArray(value) ? value.filter((text) => typeof text === 'string') : [];

/** Of an answer of `/v3/maintenance/status`. */
export function statusIn(answer: Json): EtcdStatus {
  const leader = textAt(answer, 'leader');
  const [quota, storageVersion] = [numberAt(answer, 'dbSizeQuota'), textAt(answer, 'storageVersion')];
  return {
    memberId: textAt(answer, 'header', 'member_id'),
    clusterId: textAt(answer, 'header', 'cluster_id'),
    revision: revisionIn(answer),
    version: textAt(answer, 'version'),
    dbBytes: numberAt(answer, 'dbSize'),
    dbInUseBytes: numberAt(answer, 'dbSizeInUse'),
    ...(quota === 0 ? {} : { dbQuotaBytes: quota }),
    leader: leader === '0' ? '' : leader,
    raftIndex: numberAt(answer, 'raftIndex'),
    raftAppliedIndex: numberAt(answer, 'raftAppliedIndex'),
    raftTerm: numberAt(answer, 'raftTerm'),
    isLearner: field(answer, 'isLearner') === true,
    errors: textsIn(field(answer, 'errors')),
    ...(storageVersion === '' ? {} : { storageVersion }),
  };
}

/** Revision of the store that any answer with a header tells. */
export const revisionIn = (answer: Json): number => numberAt(answer, 'header', 'revision');

/** Of an answer that lists alarms. */
export const alarmsIn = (answer: Json): EtcdAlarm[] =>
  objectsAt(answer, 'alarms').map((entry) => ({ memberId: textAt(entry, 'memberID'), alarm: textAt(entry, 'alarm') }));

export const memberIn = (entry: Json): EtcdMember => ({
  id: textAt(entry, 'ID'),
  name: textAt(entry, 'name'),
  peerUrls: textsIn(field(entry, 'peerURLs')),
  clientUrls: textsIn(field(entry, 'clientURLs')),
  isLearner: field(entry, 'isLearner') === true,
});

/** Of an answer that lists members. */
export const membersIn = (answer: Json): EtcdMember[] => objectsAt(answer, 'members').map(memberIn);

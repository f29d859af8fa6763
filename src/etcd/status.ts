import { fanOut } from '../engine/fanOut.ts';
import { etcdTls, memberTarget } from '../engine/probes/etcd.ts';
import type { EtcdAlarm, EtcdMember, EtcdStatus } from '../engine/etcdAnswers.ts';
import { KbinError } from '../errors.ts';
import { hostsWith, type HostName } from '../model/inventory.ts';
import { EtcdClient } from './client.ts';
import type { EtcdGround } from './hosts.ts';
import { diskLatencies, metricsText, type DiskLatencies } from './metrics.ts';

/** What one host with the role etcd says of its member. */
export interface MemberReport {
  host: HostName;
  role: 'leader' | 'follower' | 'learner' | 'down';
  status?: EtcdStatus;
  disk?: DiskLatencies;
  /** Committed entries that it has not applied, compared with the member that is furthest. */
  lag?: number;
  alarms: string[];
  /** Why it is not well; several where several things are wrong. */
  faults: string[];
}

export interface EtcdReport {
  /** 16 hex digits; absent when nobody answers. */
  clusterId?: string;
  /** Worst first. */
  members: MemberReport[];
  /** Members that etcd knows and the inventory does not. */
  strangers: EtcdMember[];
  /** Most of the members answer and one of them leads. */
  hasQuorum: boolean;
}

/** Of entries; etcd itself refuses requests at 5000. */
const MAX_LAG = 500;
/** Of the quota, from where it is time to compact and defragment. */
const NEARLY_FULL = 0.8;
/** Seconds; upstream's advice for the log. */
const SLOW_FSYNC = 0.01;

/** The client of the member on a host. */
export async function memberOn({ engine, fleet }: EtcdGround, host: HostName): Promise<EtcdClient> {
  return new EtcdClient(memberTarget(await fleet.connection(host), await etcdTls(engine.pki, engine.inventory)));
}

interface Heard {
  status: EtcdStatus;
  disk: DiskLatencies;
  members: EtcdMember[];
  alarms: EtcdAlarm[] | undefined;
}

async function hear(ground: EtcdGround, host: HostName): Promise<Heard> {
  const client = await memberOn(ground, host);
  const connection = await ground.fleet.connection(host);
  const [status, members, metrics] = await Promise.all([
    client.status(),
    client.members('member'),
    metricsText(connection).catch(() => ''),
  ]);
  // Without a quorum nobody can tell.
  const alarms = status.leader === '' ? undefined : await client.alarms().catch(() => undefined);
  return { status, members, alarms, disk: diskLatencies(metrics) };
}

function faultsOf({ status, disk }: Heard, lag: number, clusterId: string): string[] {
  const { leader, isLearner, dbBytes, dbQuotaBytes } = status;
  const full = dbQuotaBytes === undefined ? 0 : dbBytes / dbQuotaBytes;
  return [
    ...(leader === '' ? ['knows no leader'] : []),
    ...(status.clusterId === clusterId ? [] : ['is in another cluster']),
    ...(isLearner ? ['is a learner that was not promoted'] : []),
    ...(lag > MAX_LAG ? [`is ${lag} entries behind`] : []),
    ...(full >= NEARLY_FULL ? [`has used ${Math.floor(full * 100)} % of its quota`] : []),
    ...(disk.walFsync !== undefined && disk.walFsync.p99 > SLOW_FSYNC
      ? [`has a slow disk: the log's fsync takes ${Math.round(disk.walFsync.p99 * 1000)} ms (p99)`]
      : []),
  ];
}

const roleOf = ({ memberId, leader, isLearner }: EtcdStatus): MemberReport['role'] =>
  isLearner ? 'learner' : memberId === leader ? 'leader' : 'follower';

/** Cluster that most members are in. */
const commonCluster = (heard: readonly Heard[]): string => {
  const ids = heard.map(({ status }) => status.clusterId);
  const count = (id: string): number => ids.filter((other) => other === id).length;
  return ids.toSorted((a, b) => count(b) - count(a))[0] ?? '';
};

const WORST: readonly MemberReport['role'][] = ['down', 'learner', 'follower', 'leader'];
const badness = ({ role, alarms, faults }: MemberReport): number =>
  (role === 'down' ? 1000 : 0) + alarms.length * 100 + faults.length * 10 - WORST.indexOf(role);

function reportOf(
  host: HostName,
  heard: Heard,
  { all, clusterId }: { all: readonly Heard[]; clusterId: string },
): MemberReport {
  const { status, disk } = heard;
  const furthest = Math.max(...all.map((other) => other.status.raftIndex));
  const lag = furthest - status.raftAppliedIndex;
  const alarms = all.find((other) => other.alarms !== undefined)?.alarms ?? [];
  return {
    host,
    role: roleOf(status),
    status,
    disk,
    lag,
    alarms: alarms.filter(({ memberId }) => memberId === status.memberId).map(({ alarm }) => alarm),
    faults: faultsOf(heard, lag, clusterId),
  };
}

/**
 * What the members of etcd say of themselves, each through its own host. A member that does not answer is a row, not an
 * error. Throws USAGE where somebody else runs etcd.
 */
export async function etcdReport(ground: EtcdGround): Promise<EtcdReport> {
  const { inventory } = ground.engine;
  if (inventory.etcd.external !== undefined)
    throw new KbinError('USAGE', 'etcd of this cluster is run by somebody else (etcd.external)', {
      hint: 'kbin asks, backs up and changes only an etcd that it has deployed.',
    });
  const hosts = hostsWith(inventory, 'etcd').map(({ name }) => name);
  const answers = await fanOut(hosts, ground.engine.parallel, (host) => hear(ground, host));
  const all = answers.flatMap((answer) => (answer.ok ? [answer.value] : []));
  const clusterId = commonCluster(all);
  const members = answers.map((answer, index): MemberReport => {
    const host = hosts[index] ?? '';
    if (answer.ok) return reportOf(host, answer.value, { all, clusterId });
    const reason = answer.error instanceof Error ? answer.error.message : String(answer.error);
    return { host, role: 'down', alarms: [], faults: [reason] };
  });
  const known = all.find(({ status }) => status.clusterId === clusterId)?.members ?? [];
  const voters = Math.max(known.filter(({ isLearner }) => !isLearner).length, 1);
  const agreeing = all.filter(
    ({ status }) => status.clusterId === clusterId && status.leader !== '' && !status.isLearner,
  );
  return {
    ...(clusterId === '' ? {} : { clusterId: BigInt(clusterId).toString(16).padStart(16, '0') }),
    members: members.toSorted((a, b) => badness(b) - badness(a)),
    strangers: known.filter(({ name }) => !hosts.includes(name)),
    hasQuorum: agreeing.length * 2 > voters,
  };
}

export const isWell = ({ members, strangers, hasQuorum }: EtcdReport): boolean =>
  hasQuorum &&
  strangers.length === 0 &&
  members.every(({ alarms, faults }) => alarms.length === 0 && faults.length === 0);

import { KbinError } from '../errors.ts';
import type { HostName, Inventory } from '../model/inventory.ts';
import type { Clock, PkiStore } from '../model/ports.ts';
import type { Connections } from './apiClient.ts';
import { membersIn, statusIn, type EtcdStatus } from './etcdAnswers.ts';
import { askGateway, ETCD } from './etcdGateway.ts';
import type { HttpTarget } from './httpStreams.ts';
import { etcdTls, memberTarget } from './probes/etcd.ts';

export interface LeaderSource {
  inventory: Inventory;
  fleet: Connections;
  pki: PkiStore;
  clock: Clock;
}

const REQUEST_SECONDS = 3;
/** An election takes a second by default, and one that nobody wins is held again. */
const YIELD_MILLISECONDS = 10_000;
const PAUSE_MILLISECONDS = 100;

const targetOf = async ({ fleet, pki, inventory }: LeaderSource, host: HostName): Promise<HttpTarget> =>
  memberTarget(await fleet.connection(host), await etcdTls(pki, inventory));

const statusOf = async (target: HttpTarget): Promise<EtcdStatus> =>
  statusIn(await askGateway(target, { path: ETCD.status, timeoutSeconds: REQUEST_SECONDS, isRepeatable: true }));

const viewOf = async (source: LeaderSource, host: HostName): Promise<EtcdStatus> =>
  statusOf(await targetOf(source, host));

const isLeader = ({ memberId, leader }: EtcdStatus): boolean => memberId !== '' && memberId === leader;

/** The host whose member says that it leads etcd; undefined where none does, or none answers in time. */
export async function etcdLeader(source: LeaderSource, hosts: readonly HostName[]): Promise<HostName | undefined> {
  const views = await Promise.allSettled(hosts.map((host) => viewOf(source, host)));
  return hosts.find((_, index) => {
    const view = views[index];
    return view?.status === 'fulfilled' && isLeader(view.value);
  });
}

/** Id of the first voter among these hosts, by their names in etcd. */
async function voterAmong(target: HttpTarget, hosts: readonly HostName[]): Promise<string | undefined> {
  const answer = await askGateway(target, { path: ETCD.members, timeoutSeconds: REQUEST_SECONDS, isRepeatable: true });
  const voters = membersIn(answer).filter(({ isLearner }) => !isLearner);
  return hosts.flatMap((host) => voters.find(({ name }) => name === host) ?? [])[0]?.id;
}

/**
 * Hands the leadership of etcd to one of the others, and waits until the member has let go of it; nothing where it does
 * not lead or is alone. What is proposed while a leader goes is lost and times out: handed over while all members run,
 * that is a moment (REFERENCE 4, rolling restart).
 * @throws KbinError TIMEOUT when it still leads, STEP and CONNECT when it does not do as it is asked.
 */
export async function yieldLeadership(
  source: LeaderSource,
  host: HostName,
  others: readonly HostName[],
): Promise<void> {
  if (!isLeader(await viewOf(source, host))) return;
  const target = await targetOf(source, host);
  const heir = await voterAmong(target, others);
  if (heir === undefined) return;
  const transfer = { path: ETCD.moveLeader, body: { targetID: heir }, hasHeader: false };
  await askGateway(target, { ...transfer, timeoutSeconds: REQUEST_SECONDS });
  const deadline = source.clock.monotonic() + YIELD_MILLISECONDS;
  while (isLeader(await viewOf(source, host))) {
    if (source.clock.monotonic() > deadline)
      throw new KbinError(
        'TIMEOUT',
        `etcd on ${host} still leads ${YIELD_MILLISECONDS / 1000} s after it handed over`,
        {
          host,
        },
      );
    await source.clock.pause(PAUSE_MILLISECONDS);
  }
}

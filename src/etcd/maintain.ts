import { phaseNamed } from '../catalog/phases.ts';
import { KbinError } from '../errors.ts';
import { hostsWith, type HostName } from '../model/inventory.ts';
import { startUnitsScript } from '../remote/etcdRestore.ts';
import { runOn, type EtcdGround } from './hosts.ts';
import { etcdReport, memberOn, type EtcdReport } from './status.ts';

/** About 10 s a GiB, and a disk can be slow. */
const DEFRAGMENT_SECONDS = 900;
const COMPACT_SECONDS = 600;
/** Below this share of the file in use it is worth it; above, a defragmentation only costs. */
const WORTH_IT = 0.67;
/** Bytes; a small file is not worth it either. */
const SMALL = 100 * 1024 ** 2;

export interface MaintainOptions {
  /** How long the gate after each member waits, instead of its own limit. */
  gateSeconds?: number;
}

/** Passes when all members answer and agree. Throws GATE. */
async function passGate({ engine }: EtcdGround, { gateSeconds }: MaintainOptions): Promise<void> {
  const { gate } = phaseNamed('etcd');
  if (gate === undefined) return;
  const hosts = hostsWith(engine.inventory, 'etcd').map(({ name }) => name);
  const withinSeconds = gateSeconds ?? gate.withinSeconds;
  await engine.world.passGate({ wave: 'etcd', phase: 'etcd', gate: { ...gate, withinSeconds }, hosts }, engine.signal);
}

/** Members in the order of turns: the leader last. Throws REFUSED while one is missing or there is no quorum. */
function turnsOf({ members, hasQuorum }: EtcdReport): HostName[] {
  const missing = members.filter(({ role }) => role === 'down' || role === 'learner');
  if (hasQuorum && missing.length === 0)
    return members
      .toSorted((a, b) => Number(a.role === 'leader') - Number(b.role === 'leader'))
      .map(({ host }) => host);
  throw new KbinError(
    'REFUSED',
    `no member is touched while etcd is not whole: ${missing.map(({ host }) => host).join(', ')}`,
    {
      evidence: missing.flatMap(({ host, faults }) => faults.map((fault) => `${host}: ${fault}`)),
      hint: 'Bring these members back first: kbin etcd status.',
    },
  );
}

/** Does something to each member in its turn, never to a leader, and each behind the gate of all. */
async function inTurns(
  ground: EtcdGround,
  hosts: readonly HostName[],
  options: MaintainOptions & { work: (host: HostName) => Promise<void> },
): Promise<void> {
  const { world, signal, inventory } = ground.engine;
  const all = hostsWith(inventory, 'etcd').map(({ name }) => name);
  for (const host of hosts) {
    if (signal.aborted)
      throw new KbinError('INTERRUPTED', `interrupted before ${host}`, { hint: 'Run the same command again.' });
    await world.yieldLeadership(
      host,
      all.filter((other) => other !== host),
    );
    await options.work(host);
    await passGate(ground, options);
  }
}

/** Gives free space of the database files back to the disk, one member at a time. Returns the hosts where it was worth it. */
export async function defragment(
  ground: EtcdGround,
  options: MaintainOptions & { isForced: boolean },
): Promise<HostName[]> {
  const report = await etcdReport(ground);
  const due = new Set(
    report.members
      .filter(({ status }) => {
        if (status === undefined) return false;
        return options.isForced || (status.dbBytes > SMALL && status.dbInUseBytes / status.dbBytes < WORTH_IT);
      })
      .map(({ host }) => host),
  );
  const hosts = turnsOf(report).filter((host) => due.has(host));
  await inTurns(ground, hosts, {
    ...options,
    work: async (host) => {
      const client = await memberOn(ground, host);
      const before = await client.status();
      await client.defragment(DEFRAGMENT_SECONDS);
      const after = await client.status();
      ground.tell(`${host}: ${before.dbBytes} to ${after.dbBytes} bytes`);
    },
  });
  return hosts;
}

/** A member that answers; the leader where there is one. Throws CONNECT when none does. */
async function anyMember(ground: EtcdGround, report: EtcdReport): ReturnType<typeof memberOn> {
  const host = (
    report.members.find(({ role }) => role === 'leader') ?? report.members.find(({ role }) => role !== 'down')
  )?.host;
  if (host !== undefined) return memberOn(ground, host);
  throw new KbinError('CONNECT', 'no member of etcd answers', { hint: 'kbin etcd status says why.' });
}

/** Forgets all revisions but the newest. Returns that one. kube-apiserver does so every five minutes by itself. */
export async function compact(ground: EtcdGround): Promise<number> {
  const client = await anyMember(ground, await etcdReport(ground));
  const revision = await client.currentRevision();
  await client.compact(revision, { isPhysical: true, timeoutSeconds: COMPACT_SECONDS });
  return revision;
}

/** Takes alarms of this kind back. Returns how many. */
export async function disarm(ground: EtcdGround, kind: string): Promise<number> {
  const client = await anyMember(ground, await etcdReport(ground));
  const alarms = (await client.alarms()).filter(({ alarm }) => alarm === kind);
  for (const alarm of alarms) await client.disarm(alarm);
  return alarms.length;
}

/**
 * The way out of NOSPACE (REFERENCE 4): compacts, defragments every member, disarms, and proves that it can be written.
 * Before the members are touched the old revisions are gone, so it may be run again anywhere.
 */
export async function reclaim(ground: EtcdGround, options: MaintainOptions): Promise<void> {
  const { tell } = ground;
  tell('compacting');
  await compact(ground);
  const report = await etcdReport(ground);
  for (const host of turnsOf(report)) {
    tell(`defragmenting ${host}`);
    await (await memberOn(ground, host)).defragment(DEFRAGMENT_SECONDS);
  }
  tell(`alarms taken back: ${await disarm(ground, 'NOSPACE')}`);
  await passGate(ground, options);
  await (await anyMember(ground, await etcdReport(ground))).proveWrite();
}

/** Hands leadership to the member of a host. Throws USAGE for a host that is no member. */
export async function moveLeader(ground: EtcdGround, to: HostName | undefined): Promise<HostName> {
  const report = await etcdReport(ground);
  const leader = report.members.find(({ role }) => role === 'leader')?.host;
  const followers = report.members.filter(({ role }) => role === 'follower').map(({ host }) => host);
  if (leader === undefined)
    throw new KbinError('REFUSED', 'etcd has no leader', { hint: 'kbin etcd status says why.' });
  if (leader === to) return leader;
  const heirs = to === undefined ? followers.toReversed() : followers.filter((host) => host === to);
  if (heirs.length === 0)
    throw new KbinError('USAGE', `${to ?? 'nobody'} is no member that could lead`, {
      hint: `There are ${followers.join(', ')}.`,
    });
  await ground.engine.world.yieldLeadership(leader, heirs);
  return heirs[0] ?? leader;
}

/** Restarts members one at a time, the leader last. Returns the hosts in the order of their turns. */
export async function restart(ground: EtcdGround, options: MaintainOptions): Promise<HostName[]> {
  const hosts = turnsOf(await etcdReport(ground));
  await inTurns(ground, hosts, {
    ...options,
    work: async (host) => {
      ground.tell(`restarting ${host}`);
      await runOn(ground, host, { script: startUnitsScript(['etcd.service'], 'restart') });
    },
  });
  return hosts;
}

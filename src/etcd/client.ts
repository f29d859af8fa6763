import type { Json, JsonObject } from '../model/inventory.ts';
import { field, textAt } from '../engine/httpJson.ts';
import type { HttpTarget } from '../engine/httpStreams.ts';
import {
  alarmsIn,
  memberIn,
  membersIn,
  revisionIn,
  statusIn,
  type EtcdAlarm,
  type EtcdMember,
  type EtcdStatus,
} from '../engine/etcdAnswers.ts';
import { askGateway, ETCD } from '../engine/etcdGateway.ts';

/** What is answered from memory. */
const READ_SECONDS = 10;
/** What goes through the log: etcd gives up after 5 s and twice the election timeout (server/config ReqTimeout). */
const AGREE_SECONDS = 20;

export interface HashAtRevision {
  /** crc32 of all keys up to `revision`, as a number. Comparable only where `compactRevision` is the same. */
  hash: number;
  /** Up to which keys were hashed; 0 where a member before 3.6 does not tell. */
  revision: number;
  compactRevision: number;
}

/** As etcd prints an id in its logs and etcdctl: hex without leading zeros. */
export const hexId = (id: string): string => BigInt(id).toString(16);

/** The same in 16 digits, as manifests have it. */
export const hexId16 = (id: string): string => hexId(id).padStart(16, '0');

/** The decimal text of what etcd prints. */
export const idOfHex = (hex: string): string => BigInt(`0x${hex}`).toString();

/**
 * One member, through its JSON gateway. Ids are decimal texts, revisions numbers. All methods throw UnansweredError
 * (CONNECT, TIMEOUT) and GatewayError (STEP) with etcd's own `grpcCode`; which of several reasons stands behind one code
 * is seen by asking for the state, never in the message; without a quorum it is UNAVAILABLE or DEADLINE_EXCEEDED. What changes something is sent once: after CONNECT and TIMEOUT
 * nobody knows whether it happened, so look before you repeat it.
 */
export class EtcdClient {
  readonly #target: HttpTarget;

  constructor(target: HttpTarget) {
    this.#target = target;
  }

  /** Host that it is asked through. */
  get host(): string {
    return this.#target.connection.host;
  }

  #read(path: string, body: JsonObject = {}, timeoutSeconds = READ_SECONDS): Promise<Json> {
    return askGateway(this.#target, { path, body, timeoutSeconds, isRepeatable: true });
  }

  #change(path: string, body: JsonObject, timeoutSeconds = AGREE_SECONDS, hasHeader = true): Promise<Json> {
    return askGateway(this.#target, { path, body, timeoutSeconds, hasHeader });
  }

  /** What it tells of itself; a member without quorum and a learner answer too. */
  async status(timeoutSeconds = READ_SECONDS): Promise<EtcdStatus> {
    return statusIn(await this.#read(ETCD.status, {}, timeoutSeconds));
  }

  /** As the quorum has them, or as this member does, which answers without a quorum and may be behind. */
  async members(as: 'quorum' | 'member' = 'quorum'): Promise<EtcdMember[]> {
    return membersIn(await this.#read(ETCD.members, { linearizable: as === 'quorum' }, AGREE_SECONDS));
  }

  /** All alarms of the cluster; needs a quorum. */
  async alarms(): Promise<EtcdAlarm[]> {
    return alarmsIn(await this.#read(ETCD.alarm, { action: 'GET' }, AGREE_SECONDS));
  }

  /** Takes one alarm back. One that is not there is no error. */
  async disarm({ memberId, alarm }: EtcdAlarm): Promise<void> {
    await this.#change(ETCD.alarm, { action: 'DEACTIVATE', memberID: memberId, alarm });
  }

  /** The store's revision as the quorum has it now, which this member has then applied too. */
  async currentRevision(timeoutSeconds = AGREE_SECONDS): Promise<number> {
    // One byte 0: a key that nobody has.
    return revisionIn(await this.#read(ETCD.range, { key: 'AA==', count_only: true }, timeoutSeconds));
  }

  /**
   * Forgets all revisions before this one. `isPhysical`: answers when they are gone from the database, which takes
   * seconds to minutes. GRPC.OUT_OF_RANGE: it was compacted already, or is in the future.
   */
  async compact(revision: number, how: { isPhysical: boolean; timeoutSeconds: number }): Promise<void> {
    const body = { revision: String(revision), physical: how.isPhysical };
    await this.#change(ETCD.compact, body, how.timeoutSeconds);
  }

  /** Gives this member's free space back to the disk. It serves nothing meanwhile. */
  async defragment(timeoutSeconds: number): Promise<void> {
    await this.#change(ETCD.defragment, {}, timeoutSeconds, false);
  }

  /** Hash of this member's keys up to a revision, 0 for the newest; reads the whole database. */
  async hashKv(revision: number, timeoutSeconds: number): Promise<HashAtRevision> {
    const answer = await this.#read(ETCD.hashKv, { revision: String(revision) }, timeoutSeconds);
    const numberAt = (name: string): number => Number(textAt(answer, name));
    return {
      hash: numberAt('hash'),
      revision: numberAt('hash_revision'),
      compactRevision: numberAt('compact_revision'),
    };
  }

  /** Only the leader can; the target must be a voter. */
  async moveLeader(targetId: string): Promise<void> {
    await this.#change(ETCD.moveLeader, { targetID: targetId }, AGREE_SECONDS, false);
  }

  /** Writes a key of kbin's own and deletes it: throws what a write throws. */
  async proveWrite(): Promise<void> {
    const key = Buffer.from('kbin.dev/proof-of-a-write').toString('base64');
    await this.#change(ETCD.put, { key, value: key });
    await this.#change(ETCD.deleteRange, { key });
  }

  /** The new member, whose name is empty until it starts, and all members with it. */
  async memberAdd(peerUrls: string[], isLearner: boolean): Promise<{ added: EtcdMember; members: EtcdMember[] }> {
    const answer = await this.#change(ETCD.memberAdd, { peerURLs: peerUrls, isLearner });
    return { added: memberIn(field(answer, 'member') ?? null), members: membersIn(answer) };
  }

  /** The members that stay. GRPC.NOT_FOUND: it is none of them. */
  async memberRemove(id: string): Promise<EtcdMember[]> {
    return membersIn(await this.#change(ETCD.memberRemove, { ID: id }));
  }

  /** GRPC.FAILED_PRECONDITION: it is no learner, or not far enough yet. */
  async memberPromote(id: string): Promise<EtcdMember[]> {
    return membersIn(await this.#change(ETCD.memberPromote, { ID: id }));
  }

  async memberUpdate(id: string, peerUrls: string[]): Promise<EtcdMember[]> {
    return membersIn(await this.#change(ETCD.memberUpdate, { ID: id, peerURLs: peerUrls }));
  }
}

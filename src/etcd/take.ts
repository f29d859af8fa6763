import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { EtcdEndpoint } from '../engine/etcdEndpoints.ts';
import { KbinError } from '../errors.ts';
import type { Clock } from '../model/ports.ts';
import type { SnapshotManifest } from '../model/snapshot.ts';
import { candidates, type Answered, type Candidate } from './choose.ts';
import { EtcdClient, hexId16 } from './client.ts';
import { snapshotStatus } from './etcdutl.ts';
import { LocalError } from './localError.ts';
import { snapshotName } from './names.ts';
import { revisionOf, SnapshotProof } from './snapshotFile.ts';
import { snapshotStream, type SnapshotCall } from './snapshotStream.ts';
import { assertSpace, nameForGood, prepareSpool } from './spool.ts';
import { SpoolFile } from './spoolFile.ts';

/** A member that can be asked for a snapshot. */
export interface SnapshotSource {
  /** Its host, or its client URL where etcd is not kbin's. */
  label: string;
  /** Throws what opening the connection throws. */
  open: () => Promise<OpenSource>;
}

export interface OpenSource {
  client: Pick<EtcdClient, 'status' | 'alarms' | 'currentRevision'>;
  stream: (call: SnapshotCall) => Readable;
}

export const snapshotSource = ({ label, open }: EtcdEndpoint): SnapshotSource => ({
  label,
  open: async () => {
    const target = await open();
    return { client: new EtcdClient(target), stream: (call) => snapshotStream(target, call) };
  },
});

export interface TakeInput {
  sources: readonly SnapshotSource[];
  /** Of the cluster: name, and the identity that kbin gave it. */
  cluster: { name: string; id: string };
  versions: { kubernetes: string; kbin: string };
  /** Folder of this machine; made when it is not there. */
  spool: string;
  /** Path of the etcdutl of a version such as v3.6.16; undefined where there is none for this machine. */
  etcdutl: (version: string) => Promise<string | undefined>;
  clock: Clock;
  signal: AbortSignal;
  /** What the operator should know though the snapshot is taken. */
  warn: (message: string) => void;
  onProgress?: SnapshotCall['onProgress'];
}

/** A manifest of what etcd sent, before it is stored anywhere. */
export type TakenManifest = Omit<SnapshotManifest, 'stored' | 'pki'>;

export interface TakenSnapshot {
  /** `SPOOL/NAME.db`, with etcd's trailer. Whoever has stored it removes it. */
  path: string;
  manifest: TakenManifest;
}

interface Source extends OpenSource {
  label: string;
}

/** Those that answer. */
async function askAll({ sources, warn }: TakeInput): Promise<Answered<Source>[]> {
  const asked = await Promise.all(
    sources.map(async ({ label, open }) => {
      try {
        const member = { label, ...(await open()) };
        return [{ member, status: await member.client.status() }];
      } catch (error) {
        if (!(error instanceof KbinError)) throw error;
        warn(`etcd on ${label} does not answer: ${error.message}`);
        return [];
      }
    }),
  );
  return asked.flat();
}

/** The store's revision, agreed on by a quorum and applied by this member. */
async function agreedRevision({ label, client }: Source, warn: TakeInput['warn']): Promise<number> {
  const revision = await client.currentRevision().catch((error: unknown) => {
    if (!(error instanceof KbinError)) throw error;
    throw new KbinError('GATE', `etcd on ${label} has no quorum behind it`, {
      evidence: [error.message],
      hint: 'Start the members that are down, then run the same command again.',
      cause: error,
    });
  });
  const alarms = await client.alarms();
  if (alarms.some(({ alarm }) => alarm === 'CORRUPT')) {
    throw new KbinError('REFUSED', `etcd on ${label} tells alarm CORRUPT: its members hold different data`, {
      hint: 'Compare their HashKV at one revision, replace the odd member, disarm the alarm, then take the snapshot.',
    });
  }
  if (alarms.length > 0) {
    warn(
      `etcd tells alarm ${[...new Set(alarms.map(({ alarm }) => alarm))].join(', ')}: the snapshot is taken all the same`,
    );
  }
  return revision;
}

/** The manifest of what was written to `part`, after the file was looked at with everything there is. */
async function examined(
  part: string,
  { member, status }: Candidate<Source>,
  sent: Pick<TakenManifest, 'database'> & { takenAt: number; told: number; input: TakeInput },
): Promise<TakenManifest> {
  const { database, takenAt, told, input } = sent;
  const revision = await revisionOf(part);
  if (revision < told) {
    throw new KbinError('STEP', `etcd on ${member.label} sent revision ${revision}, after it had told ${told}`, {
      hint: 'This member does not have what it says: compare it with the others before you trust it.',
    });
  }
  const etcd = `v${status.version}`;
  const program = await input.etcdutl(etcd);
  const seen = program === undefined ? undefined : await snapshotStatus(program, part, { signal: input.signal });
  const { cluster, versions } = input;
  return {
    version: 1,
    name: snapshotName(cluster.name, takenAt, revision),
    ...{ cluster: cluster.name, clusterId: cluster.id, etcdClusterId: hexId16(status.clusterId) },
    member: member.label,
    takenAt: new Date(takenAt).toISOString(),
    revision,
    ...(seen === undefined ? {} : { keys: seen.keys, hash: seen.hash }),
    versions: { etcd, ...versions },
    database,
  };
}

async function takeFrom(candidate: Candidate<Source>, input: TakeInput): Promise<TakenSnapshot> {
  const { member, status } = candidate;
  const { spool, clock, signal, onProgress, cluster } = input;
  const told = await agreedRevision(member, input.warn);
  await assertSpace(spool, status.dbBytes);
  const part = join(spool, `.${cluster.name}-${randomBytes(6).toString('hex')}.db.part`);
  const takenAt = clock.now();
  const proof = new SnapshotProof(`what etcd on ${member.label} sent`);
  try {
    const stream = member.stream({ signal, ...(onProgress === undefined ? {} : { onProgress }) });
    await pipeline(stream, proof, new SpoolFile(part));
    const manifest = await examined(part, candidate, { database: await proof.result, takenAt, told, input });
    return { path: await nameForGood(part, spool, `${manifest.name}.db`), manifest };
  } finally {
    await rm(part, { force: true });
  }
}

/** False where another member would not do better. */
function isOfMember(error: unknown): error is KbinError {
  if (!(error instanceof KbinError) || error instanceof LocalError) return false;
  return !['REFUSED', 'PREFLIGHT', 'CACHE', 'INTERRUPTED'].includes(error.code);
}

/**
 * Takes one snapshot into the spool: proved by its trailer on the way, synced, opened with etcdutl, and only then under its
 * name. A follower is asked; when it fails, one other member is, from the start.
 *
 * @throws KbinError CONNECT when no member answers, GATE without a quorum; REFUSED for alarm CORRUPT;
 * PREFLIGHT without space; LocalError for this machine; otherwise what the second member failed with.
 */
export async function takeSnapshot(input: TakeInput): Promise<TakenSnapshot> {
  await prepareSpool(input.spool, input.clock.now());
  const answered = await askAll(input);
  const [first, second] = candidates(answered);
  if (first === undefined) throw nobody(answered);
  try {
    return await takeFrom(first, input);
  } catch (error) {
    if (second === undefined || !isOfMember(error)) throw error;
    input.warn(`no snapshot from ${first.member.label}: ${error.message}. ${second.member.label} is asked instead`);
    return takeFrom(second, input);
  }
}

function nobody(answered: readonly Answered<Source>[]): KbinError {
  if (answered.length === 0) {
    return new KbinError('CONNECT', 'no member of etcd answers', {
      hint: 'Look at etcd.service on the etcd hosts, then run the same command again.',
    });
  }
  const labels = answered.map(({ member }) => member.label).join(', ');
  return new KbinError('GATE', `etcd has no leader, or only a learner answers (${labels})`, {
    hint: 'Start the members that are down. Without a quorum nobody knows which of them is up to date.',
  });
}

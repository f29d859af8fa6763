import { Readable } from 'node:stream';
import type { EtcdAlarm, EtcdStatus } from '../../../src/engine/etcdAnswers.ts';
import type { SnapshotSource } from '../../../src/etcd/take.ts';
import { KbinError } from '../../../src/errors.ts';
import { sampleSnapshot } from './bboltSample.ts';
import { piecesOf } from './proving.ts';

/** Status of a member of a healthy cluster, whose leader is `a`. */
export const statusOf = (name: string, changed: Partial<EtcdStatus> = {}): EtcdStatus => ({
  memberId: `1${name.charCodeAt(0)}`,
  clusterId: '4711',
  revision: 7,
  version: '3.6.16',
  dbBytes: 32_768,
  dbInUseBytes: 30_000,
  leader: '197',
  raftIndex: 100,
  raftAppliedIndex: 100,
  raftTerm: 2,
  isLearner: false,
  errors: [],
  ...changed,
});

/** As etcd sends it, at revision 7. */
export const SNAPSHOT = sampleSnapshot({
  keys: [
    [2, 3],
    [4, 7],
  ],
});

export interface MemberOptions {
  status?: Partial<EtcdStatus>;
  /** What it refuses to answer at all. */
  isDown?: boolean;
  revision?: number | Error;
  alarms?: EtcdAlarm[];
  /** What it streams; an error comes after half of the snapshot. */
  sends?: Buffer | Error;
}

/** A member in memory; `asked` gets the name of whoever streams. */
export const sourceOf = (name: string, asked: string[], options: MemberOptions = {}): SnapshotSource => ({
  label: name,
  open: async () => {
    if (options.isDown === true) throw new KbinError('CONNECT', `${name} is down`, { host: name });
    const { revision = 7, sends = SNAPSHOT } = options;
    return {
      client: {
        status: async () => statusOf(name, options.status),
        alarms: async () => options.alarms ?? [],
        currentRevision: async () => {
          if (typeof revision === 'number') return revision;
          throw revision;
        },
      },
      stream: ({ onProgress }) => {
        asked.push(name);
        const bytes = sends instanceof Error ? SNAPSHOT.subarray(0, SNAPSHOT.length / 2) : sends;
        return Readable.from(
          (async function* () {
            let receivedBytes = 0;
            for (const piece of piecesOf(bytes, 5000)) {
              receivedBytes += piece.length;
              onProgress?.({ receivedBytes, totalBytes: bytes.length });
              yield piece;
            }
            if (sends instanceof Error) throw sends;
          })(),
          { objectMode: false },
        );
      },
    };
  },
});

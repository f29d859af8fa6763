import type { Readable } from 'node:stream';
import type { HttpTarget } from '../engine/httpStreams.ts';
import { Pulled } from '../model/streams.ts';
import { serverStream } from './grpc.ts';
import { fieldsOf } from './grpcMessages.ts';

const SNAPSHOT = '/etcdserverpb.Maintenance/Snapshot';
/** What waits for the disk. */
const BUFFER_BYTES = 1024 * 1024;

export interface SnapshotProgress {
  receivedBytes: number;
  /** Of the database without its trailer, as the member says. */
  totalBytes: number;
}

export interface SnapshotCall {
  /** Default 60: a member opens its database before the first byte, which takes longer the larger it is. */
  silenceSeconds?: number;
  signal?: AbortSignal;
  onProgress?: (progress: SnapshotProgress) => void;
}

/** Of etcd's rpc.proto, SnapshotResponse; the header (1) is not filled in by etcd 3.6. */
export function readSnapshotResponse(message: Buffer): { remainingBytes: number; blob: Buffer } {
  let [remainingBytes, blob] = [0, message.subarray(0, 0)];
  for (const { number, value, bytes } of fieldsOf(message)) {
    if (number === 2) remainingBytes = value;
    else if (number === 3) blob = bytes;
  }
  return { remainingBytes, blob };
}

async function* blobs(target: HttpTarget, call: SnapshotCall, signal: AbortSignal): AsyncGenerator<Buffer> {
  const { silenceSeconds = 60, onProgress } = call;
  const asked = { target, path: SNAPSHOT, request: Buffer.alloc(0), decode: readSnapshotResponse };
  let receivedBytes = 0;
  for await (const { remainingBytes, blob } of serverStream({ ...asked, silenceSeconds, signal })) {
    if (blob.length === 0) continue;
    receivedBytes += blob.length;
    onProgress?.({ receivedBytes, totalBytes: receivedBytes + remainingBytes });
    yield blob;
  }
}

/**
 * One member's database as it is now, followed by the sha256 of it (32 bytes). That all of it came is proved only by that
 * trailer (snapshotFile.ts). Needs no disk of the host. Its errors are those of `serverStream`.
 */
export function snapshotStream(target: HttpTarget, call: SnapshotCall = {}): Readable {
  const stopped = new AbortController();
  const signals = [stopped.signal, ...(call.signal === undefined ? [] : [call.signal])];
  const stop = (): void => stopped.abort();
  return new Pulled(blobs(target, call, AbortSignal.any(signals)), { stop, bufferBytes: BUFFER_BYTES });
}

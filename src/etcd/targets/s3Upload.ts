import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  type CompletedPart,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';

/** S3 takes parts from 5 MiB on, 10,000 of them (Amazon S3 multipart upload limits). */
const PART_BYTES = 8 * 1024 * 1024;
const MOST_PARTS = 10_000;
/** With the part that is being filled: 32 MiB of memory. */
const PARTS_AT_ONCE = 3;
const CHECKSUM = 'CRC32';

export interface Place {
  Bucket: string;
  Key: string;
}

interface Upload {
  client: S3Client;
  place: Place;
  chunks: AsyncIterable<Buffer>;
  /** Exactly so many come, or `chunks` fails. */
  bytes: number;
}

/** Writes an object, each part with its checksum. It is there once all is; a failure leaves none of its parts. */
export async function upload({ client, place, chunks, bytes }: Upload): Promise<void> {
  const partBytes = Math.max(PART_BYTES, Math.ceil(bytes / MOST_PARTS));
  if (bytes > partBytes) return uploadParts({ client, place, chunks }, partBytes);
  const body = Buffer.alloc(bytes);
  let filled = 0;
  for await (const chunk of chunks) filled += chunk.copy(body, filled);
  await client.send(new PutObjectCommand({ ...place, Body: body, ChecksumAlgorithm: CHECKSUM }));
}

async function uploadParts({ client, place, chunks }: Omit<Upload, 'bytes'>, partBytes: number): Promise<void> {
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ ...place, ChecksumAlgorithm: CHECKSUM }));
  const target = { ...place, UploadId };
  try {
    const send = async (PartNumber: number, Body: Buffer, abortSignal: AbortSignal): Promise<CompletedPart> => {
      const command = new UploadPartCommand({ ...target, PartNumber, Body, ChecksumAlgorithm: CHECKSUM });
      const { ETag, ChecksumCRC32 } = await client.send(command, { abortSignal });
      return { PartNumber, ETag, ChecksumCRC32 };
    };
    const Parts = await sendAll(chunks, partBytes, send);
    await client.send(new CompleteMultipartUploadCommand({ ...target, MultipartUpload: { Parts } }));
  } catch (error) {
    // If not even this works, a sweep does it.
    await client.send(new AbortMultipartUploadCommand(target)).catch(() => undefined);
    throw error;
  }
}

type Send<T> = (number: number, body: Buffer, signal: AbortSignal) => Promise<T>;

/** Sends parts of `bytes`, some at once, out of buffers that are used again. Rejects once nothing is under way any more. */
async function sendAll<T>(chunks: AsyncIterable<Buffer>, bytes: number, send: Send<T>): Promise<T[]> {
  const abort = new AbortController();
  const running = new Set<Promise<void>>();
  const buffers = new Buffers(bytes);
  const sent: T[] = [];
  const begin = (number: number, body: Buffer): void => {
    const sending = send(number, body, abort.signal).then((part) => {
      sent[number - 1] = part;
      buffers.give(body);
      running.delete(sending);
    });
    sending.catch(() => undefined);
    running.add(sending);
  };
  let number = 0;
  try {
    for await (const body of partsOf(chunks, buffers)) {
      begin((number += 1), body);
      if (running.size >= PARTS_AT_ONCE) await Promise.race(running);
    }
    await Promise.all(running);
    return sent;
  } catch (error) {
    abort.abort();
    await Promise.allSettled(running);
    throw error;
  }
}

/** Full buffers, and the rest. */
async function* partsOf(chunks: AsyncIterable<Buffer>, buffers: Buffers): AsyncGenerator<Buffer> {
  let part = buffers.take();
  let filled = 0;
  for await (const chunk of chunks) {
    for (let from = 0; from < chunk.length;) {
      const copied = chunk.copy(part, filled, from);
      from += copied;
      filled += copied;
      if (filled < part.length) continue;
      yield part;
      part = buffers.take();
      filled = 0;
    }
  }
  if (filled > 0) yield part.subarray(0, filled);
}

/** Buffers of one size. */
class Buffers {
  readonly #bytes: number;
  readonly #free: Buffer[] = [];

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#bytes);
  }

  give(buffer: Buffer): void {
    // The last part is a piece of one.
    if (buffer.length === this.#bytes) this.#free.push(buffer);
  }
}

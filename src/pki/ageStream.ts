import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { Pulled } from '../model/streams.ts';
import { AgeDamage, encrypterFor, opened, type Audience, type Identity } from './age.ts';

/**
 * age files of any length, without holding them. The head, with everything that keys are needed for, is the library's;
 * the payload is node:crypto's, because the library's own ChaCha20 takes five times as long.
 * Source: age-encryption.org/v1, "Payload".
 */
const CHUNK_BYTES = 64 * 1024;
const TAG_BYTES = 16;
const NONCE_BYTES = 16;
const CIPHER = 'chacha20-poly1305';
/** A head with more than a thousand recipients is none. */
const MAX_HEAD_BYTES = 256 * 1024;

type Bytes = AsyncIterable<Buffer>;

const payloadKey = (fileKey: Uint8Array, nonce: Buffer): Buffer =>
  Buffer.from(hkdfSync('sha256', fileKey, nonce, 'payload', 32));

/** Nonce of a chunk: a counter of eleven bytes, and whether it is the last. Four of them reach for 256 TiB. */
function chunkNonce(index: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(index, 7);
  nonce[11] = isLast ? 1 : 0;
  return nonce;
}

/** Pieces of one length, but for the last, which can be shorter and is empty only when there is nothing at all. */
async function* pieces(source: Bytes, length: number): AsyncGenerator<{ piece: Buffer; isLast: boolean }> {
  let parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of source) {
    parts.push(part);
    bytes += part.length;
    // What is as long as a piece may be the last one.
    if (bytes <= length) continue;
    let rest = Buffer.concat(parts);
    for (; rest.length > length; rest = rest.subarray(length)) yield { piece: rest.subarray(0, length), isLast: false };
    [parts, bytes] = [[rest], rest.length];
  }
  yield { piece: Buffer.concat(parts), isLast: true };
}

/** A new file's head, and the key that it carries. */
async function newHead(audience: Audience): Promise<{ head: Buffer; fileKey: Uint8Array }> {
  let fileKey: Uint8Array | undefined;
  const encrypter = await encrypterFor(audience);
  if ('recipients' in audience) {
    // One that adds nothing to the head, and is told the key as all of them are.
    encrypter.addRecipient({
      wrapFileKey: (key) => {
        fileKey = Uint8Array.from(key);
        return [];
      },
    });
  }
  // Nothing encrypted: after the head come a nonce and the tag of an empty chunk.
  const whole = Buffer.from(await encrypter.encrypt(new Uint8Array(0)));
  const head = whole.subarray(0, whole.length - NONCE_BYTES - TAG_BYTES);
  if ('passphrase' in audience) fileKey = await opened(audience, (decrypter) => decrypter.decryptHeader(head));
  if (fileKey === undefined) throw new Error('age made a file that its own passphrase does not open');
  return { head, fileKey };
}

async function* encrypted(source: Bytes, audience: Audience): AsyncGenerator<Buffer> {
  const { head, fileKey } = await newHead(audience);
  const nonce = randomBytes(NONCE_BYTES);
  const key = payloadKey(fileKey, nonce);
  yield Buffer.concat([head, nonce]);
  let index = 0;
  for await (const { piece, isLast } of pieces(source, CHUNK_BYTES)) {
    const cipher = createCipheriv(CIPHER, key, chunkNonce(index, isLast), { authTagLength: TAG_BYTES });
    yield Buffer.concat([cipher.update(piece), cipher.final(), cipher.getAuthTag()]);
    index += 1;
  }
}

/** A binary age file of what the source holds. A source that fails fails it. */
export const encryptStream = (source: Readable, audience: Audience): Readable =>
  new Pulled(encrypted(source, audience), { stop: () => source.destroy() });

async function* decrypted(payload: Bytes, key: Buffer): AsyncGenerator<Buffer> {
  let index = 0;
  for await (const { piece, isLast } of pieces(payload, CHUNK_BYTES + TAG_BYTES)) {
    const end = piece.length - TAG_BYTES;
    // Only a file of nothing has an empty chunk.
    if (end < 0 || (end === 0 && index > 0)) throw new AgeDamage();
    const decipher = createDecipheriv(CIPHER, key, chunkNonce(index, isLast), { authTagLength: TAG_BYTES });
    decipher.setAuthTag(piece.subarray(end));
    const plain = decipher.update(piece.subarray(0, end));
    try {
      decipher.final();
    } catch {
      throw new AgeDamage();
    }
    yield plain;
    index += 1;
  }
}

/** Reads from a stream as much as is asked for, and gives back the rest as a stream. */
class Reader {
  readonly #source: AsyncIterator<Buffer>;
  #bytes = Buffer.alloc(0);

  constructor(source: Bytes) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Until `lengthIn` tells how long the wanted part is. Throws when there is no such part. */
  async take(lengthIn: (bytes: Buffer) => number | undefined): Promise<Buffer> {
    for (;;) {
      const length = lengthIn(this.#bytes);
      if (length !== undefined && length <= this.#bytes.length) {
        const taken = this.#bytes.subarray(0, length);
        this.#bytes = this.#bytes.subarray(length);
        return taken;
      }
      const next = this.#bytes.length > MAX_HEAD_BYTES ? undefined : await this.#source.next();
      if (next === undefined || next.done === true) throw new AgeDamage();
      this.#bytes = Buffer.concat([this.#bytes, next.value]);
    }
  }

  async *rest(): AsyncGenerator<Buffer> {
    if (this.#bytes.length > 0) yield this.#bytes;
    yield* { [Symbol.asyncIterator]: () => this.#source };
  }
}

/** A head ends with the line of its own hash. */
function headLength(bytes: Buffer): number | undefined {
  const mark = bytes.indexOf('\n--- ');
  const end = mark === -1 ? -1 : bytes.indexOf('\n', mark + 1);
  return end === -1 ? undefined : end + 1;
}

/**
 * What a binary age file holds; undefined when it was encrypted for others. The stream fails with AgeDamage where the file is damaged or cut off: what came before is right, but not all of it.
 */
export async function decryptStream(source: Readable, identity: Identity): Promise<Readable | undefined> {
  const reader = new Reader(source);
  const head = await reader.take(headLength);
  const fileKey = await opened(identity, (decrypter) => decrypter.decryptHeader(head));
  if (fileKey === undefined) return undefined;
  const key = payloadKey(fileKey, await reader.take(() => NONCE_BYTES));
  return new Pulled(decrypted(reader.rest(), key), { stop: () => source.destroy() });
}

/** Just enough of gRPC's framing and of protobuf's encoding to read a stream of messages. */

/** gRPC's own default for what a client takes; etcd sends 32 KiB (maintenance.go, snapshotSendBufferSize). */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
/** One byte of flags, four of length. */
const PREFIX_BYTES = 5;

/** What came is not what the protocol says. */
export class MalformedError extends Error {}

/** One message as it goes over the wire, uncompressed. */
export function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Cuts a body into messages, however it arrives. Throws MalformedError. */
export class MessageCutter {
  #parts: Buffer[] = [];
  #bytes = 0;
  #wanted = PREFIX_BYTES;
  #isPrefix = true;

  /** Messages that are complete with this part. */
  *take(part: Buffer): Generator<Buffer> {
    this.#parts.push(part);
    this.#bytes += part.length;
    if (this.#bytes < this.#wanted) return;
    let rest = this.#parts.length === 1 ? part : Buffer.concat(this.#parts);
    while (rest.length >= this.#wanted) {
      const piece = rest.subarray(0, this.#wanted);
      rest = rest.subarray(this.#wanted);
      if (this.#isPrefix) this.#wanted = lengthIn(piece);
      else {
        this.#wanted = PREFIX_BYTES;
        yield piece;
      }
      this.#isPrefix = !this.#isPrefix;
    }
    this.#parts = rest.length === 0 ? [] : [rest];
    this.#bytes = rest.length;
  }

  /** True between two messages. */
  get isWhole(): boolean {
    return this.#isPrefix && this.#bytes === 0;
  }
}

function lengthIn(prefix: Buffer): number {
  if (prefix[0] !== 0) throw new MalformedError('a message is compressed, which nobody asked for');
  const length = prefix.readUInt32BE(1);
  if (length > MAX_MESSAGE_BYTES) throw new MalformedError(`a message has ${length} bytes`);
  return length;
}

export interface Field {
  number: number;
  /** Of a varint; 0 for anything else. */
  value: number;
  /** Of texts, bytes and messages; empty for anything else. */
  bytes: Buffer;
}

const NOTHING = Buffer.alloc(0);

/** The fields of a message in their order. Source: protobuf.dev, "Encoding". Throws MalformedError. */
export function* fieldsOf(message: Buffer): Generator<Field> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    // Ten bytes hold 64 bits. What is beyond 53 is no size of a database.
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = message[at];
      if (byte === undefined) break;
      at += 1;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new MalformedError('a number of a message has no end');
  };
  while (at < message.length) {
    const key = varint();
    const [number, kind] = [Math.floor(key / 8), key % 8];
    if (kind === 0) yield { number, value: varint(), bytes: NOTHING };
    else {
      const length = kind === 2 ? varint() : kind === 1 ? 8 : kind === 5 ? 4 : Infinity;
      if (at + length > message.length) throw new MalformedError(`field ${number} of a message is longer than it`);
      yield { number, value: 0, bytes: message.subarray(at, at + length) };
      at += length;
    }
  }
}

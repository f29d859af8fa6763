import { createHash } from 'node:crypto';
import { Readable, Transform } from 'node:stream';

/** Passes bytes through and knows their number and sha256 afterwards. */
export class Measure extends Transform {
  readonly #hash = createHash('sha256');
  bytes = 0;

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: (error: null, chunk: Buffer) => void): void {
    this.#hash.update(chunk);
    this.bytes += chunk.length;
    done(null, chunk);
  }

  /** Hex; ask once, at the end. */
  sha256(): string {
    return this.#hash.digest('hex');
  }
}

/**
 * What a generator yields, as a stream. Unlike Readable.from it can be given up while the generator waits: `stop` must then
 * make what it waits for fail.
 */
export class Pulled extends Readable {
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #stop: () => void;

  constructor(chunks: AsyncIterable<Buffer>, how: { stop: () => void; bufferBytes?: number }) {
    super({ highWaterMark: how.bufferBytes ?? 256 * 1024 });
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.#stop = how.stop;
  }

  override _read(): void {
    this.#chunks.next().then(
      ({ done, value }) => this.push(done === true ? null : value),
      (error: unknown) => this.destroy(error as Error),
    );
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#stop();
    done(error);
  }
}

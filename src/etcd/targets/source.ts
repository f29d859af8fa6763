import type { Readable } from 'node:stream';
import { KbinError } from '../../errors.ts';

/** What is to be written: as many bytes as announced, or a failure before the writer can take it for whole. */
export class Source {
  readonly #stream: Readable;
  readonly #bytes: number;
  readonly #name: string;
  #failure: unknown;

  constructor(name: string, stream: Readable, bytes: number) {
    this.#name = name;
    this.#stream = stream;
    this.#bytes = bytes;
    // It may fail before somebody reads it; reading then tells.
    stream.on('error', () => undefined);
  }

  /** True for what the source itself failed with, not the place that it was written to. */
  isFailure(error: unknown): boolean {
    return error !== undefined && error === this.#failure;
  }

  /** The bytes, once. Leaving off early ends the stream. */
  async *chunks(): AsyncGenerator<Buffer> {
    let seen = 0;
    try {
      for await (const chunk of this.#stream as AsyncIterable<Buffer>) {
        seen += chunk.length;
        if (seen > this.#bytes) throw this.#wrongLength(`more than ${this.#bytes}`);
        yield chunk;
      }
      if (seen < this.#bytes) throw this.#wrongLength(`${seen} of ${this.#bytes}`);
    } catch (error) {
      // Ended by whoever made it, without a word.
      const isCut = error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE';
      this.#failure = isCut ? this.#wrongLength(`${seen} of ${this.#bytes}`) : error;
      throw this.#failure;
    }
  }

  end(): void {
    this.#stream.destroy();
  }

  #wrongLength(came: string): KbinError {
    return new KbinError('STEP', `Of ${this.#name} came ${came} bytes: it was not kept.`);
  }
}

import { Readable } from 'node:stream';
import type { SftpCalls } from './sftpCalls.ts';

interface OpenFile {
  handle: Buffer;
  bytes: number;
}

/** The bytes of an open file in order, asked for ahead; closes it. */
export class SftpReader extends Readable {
  readonly #calls: SftpCalls;
  readonly #file: OpenFile;
  readonly #ahead: Promise<Buffer>[] = [];
  #asked = 0;

  constructor(calls: SftpCalls, file: OpenFile) {
    super({ highWaterMark: calls.blockBytes });
    this.#calls = calls;
    this.#file = file;
  }

  override _read(): void {
    while (this.#ahead.length < this.#calls.blocksAtOnce && this.#asked < this.#file.bytes) {
      const length = Math.min(this.#calls.blockBytes, this.#file.bytes - this.#asked);
      const block = this.#block(this.#asked, length);
      // Failures are told in their turn; blocks after the first one are never looked at.
      block.catch(() => undefined);
      this.#ahead.push(block);
      this.#asked += length;
    }
    Promise.resolve(this.#ahead.shift() ?? null).then(
      (block) => this.push(block),
      (error: unknown) => this.destroy(error as Error),
    );
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    const closed = this.#calls.ask<unknown>((sftp, done) => sftp.close(this.#file.handle, done));
    closed.then(
      () => callback(error),
      () => callback(error),
    );
  }

  /** A server may answer with less than was asked for; less than the file had is a failure. */
  async #block(at: number, length: number): Promise<Buffer> {
    const block = Buffer.allocUnsafe(length);
    for (let filled = 0; filled < length;) {
      const from = filled;
      filled += await this.#calls.ask<number>((sftp, done) =>
        sftp.read(this.#file.handle, block, from, length - from, at + from, (error, count) => {
          done(error ?? (count === 0 ? shrunk() : null), count);
        }),
      );
    }
    return block;
  }
}

const shrunk = (): Error => Object.assign(new Error('the file became shorter while it was read'), { code: 4 });

import { closeSync, fsync, openSync, writeSync } from 'node:fs';
import { Writable } from 'node:stream';
import { cannotWrite } from './localError.ts';

const BLOCK_BYTES = 256 * 1024;

/**
 * A new file of this machine that only its owner reads, on the disk for good when the stream has finished (unless
 * `isSynced` is false). Blocks are
 * written synchronously: what waits for the disk is otherwise promoted by the garbage collector, which takes kbin's memory
 * from 75 to 140 MB and a third more of its time (docs/decisions/0008). Fails with LocalError.
 */
export class SpoolFile extends Writable {
  readonly #path: string;
  readonly #isSynced: boolean;
  readonly #block = Buffer.allocUnsafe(BLOCK_BYTES);
  #used = 0;
  #file: number | undefined;

  constructor(path: string, { isSynced = true }: { isSynced?: boolean } = {}) {
    super({ highWaterMark: BLOCK_BYTES });
    this.#path = path;
    this.#isSynced = isSynced;
  }

  override _construct(done: (error?: Error) => void): void {
    this.#attempt(done, () => {
      this.#file = openSync(this.#path, 'wx', 0o600);
    });
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    this.#attempt(done, () => {
      for (let at = 0; at < chunk.length;) {
        const copied = chunk.copy(this.#block, this.#used, at);
        [at, this.#used] = [at + copied, this.#used + copied];
        if (this.#used === BLOCK_BYTES) this.#flush();
      }
    });
  }

  override _final(done: (error?: Error) => void): void {
    this.#attempt(
      (error) => {
        if (error !== undefined || this.#file === undefined || !this.#isSynced) return done(error);
        fsync(this.#file, (cause) => done(cause === null ? undefined : cannotWrite(this.#path, cause)));
      },
      () => this.#flush(),
    );
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
    done(error);
  }

  #attempt(done: (error?: Error) => void, work: () => void): void {
    try {
      work();
    } catch (error) {
      return done(cannotWrite(this.#path, error));
    }
    done();
  }

  #flush(): void {
    const file = this.#file ?? -1;
    for (let at = 0; at < this.#used;) at += writeSync(file, this.#block, at, this.#used - at);
    this.#used = 0;
  }
}

import type { SftpCalls } from './sftpCalls.ts';

/**
 * Writes all of `source` to an open file, many requests at once: one at a time would wait for the network
 * and for the server's disk in turn. The first failure ends the source.
 */
export async function writeAll(calls: SftpCalls, handle: Buffer, source: AsyncIterable<Uint8Array>): Promise<void> {
  const window = new Window(calls.blocksAtOnce);
  let at = 0;
  try {
    for await (const chunk of source) {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      for (let from = 0; from < bytes.length; from += calls.blockBytes) {
        const block = bytes.subarray(from, from + calls.blockBytes);
        const position = at + from;
        await window.enter(() =>
          calls.ask<unknown>((sftp, done) => sftp.write(handle, block, 0, block.length, position, done)),
        );
      }
      at += bytes.length;
    }
  } finally {
    await window.drain();
  }
  window.check();
}

/** So many promises at once. The first failure is told to whoever enters next. */
class Window {
  readonly #most: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #failure: { error: unknown } | undefined;

  constructor(most: number) {
    this.#most = most;
  }

  async enter(work: () => Promise<unknown>): Promise<void> {
    this.check();
    if (this.#running >= this.#most) await new Promise<void>((go) => this.#waiting.push(go));
    this.check();
    this.#running += 1;
    void work()
      .catch((error: unknown) => (this.#failure ??= { error }))
      .then(() => {
        this.#running -= 1;
        this.#waiting.shift()?.();
      });
  }

  /** Resolves when nothing runs any more. */
  async drain(): Promise<void> {
    while (this.#running > 0) await new Promise<void>((go) => this.#waiting.push(go));
  }

  /** Throws what went wrong, if anything did. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

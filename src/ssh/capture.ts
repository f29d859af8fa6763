/** Collects output up to a limit without joining chunks before the end. `tail` keeps the last bytes, `head` the first. */
export class Capture {
  readonly #limit: number;
  readonly #keep: 'head' | 'tail';
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(limit: number, keep: 'head' | 'tail') {
    this.#limit = limit;
    this.#keep = keep;
  }

  add(chunk: Buffer): void {
    if (chunk.length === 0) return;
    if (this.#keep === 'head') this.#addHead(chunk);
    else this.#addTail(chunk);
  }

  /** What was kept, as UTF-8. */
  text(): string {
    return Buffer.concat(this.#chunks).subarray(-this.#limit).toString('utf8');
  }

  #addHead(chunk: Buffer): void {
    const room = this.#limit - this.#bytes;
    if (room <= 0) return;
    const kept = chunk.length > room ? chunk.subarray(0, room) : chunk;
    this.#chunks.push(kept);
    this.#bytes += kept.length;
  }

  #addTail(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < 2 * this.#limit) return;
    const tail = Buffer.from(Buffer.concat(this.#chunks).subarray(-this.#limit));
    this.#chunks = [tail];
    this.#bytes = tail.length;
  }
}

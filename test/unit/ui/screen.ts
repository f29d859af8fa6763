import { Writable } from 'node:stream';

/** Stands in the second cell of a wide character. */
const SECOND_HALF = '\0';

/** A terminal in memory: what a person would see, scrollback and all. Throws for a sequence it does not know. */
export class Screen extends Writable {
  readonly isTTY = true;
  columns: number;
  rows: number;
  readonly #lines: string[] = [''];
  #row = 0;
  #column = 0;
  #wraps = true;

  constructor(columns = 100, rows = 40) {
    super({ decodeStrings: false });
    this.columns = columns;
    this.rows = rows;
  }

  get lines(): string[] {
    return this.#lines.map((line) => line.replaceAll(SECOND_HALF, '').trimEnd());
  }
  get text(): string {
    return this.lines.join('\n');
  }
  /** For functions that want a stream of the process. */
  get stream(): NodeJS.WriteStream {
    return this as unknown as NodeJS.WriteStream;
  }

  override _write(chunk: string, _encoding: string, done: () => void): void {
    for (const [token] of chunk.matchAll(/\x1b\[[0-9;?]*[A-Za-z]|[^\x1b]|\x1b/gu)) this.#take(token);
    done();
  }

  #take(token: string): void {
    const [, number = '', command] = /^\x1b\[([0-9;?]*)([A-Za-z])$/.exec(token) ?? [];
    if (token === '\n') return this.#newline();
    if (token === '\r') this.#column = 0;
    else if (command === undefined) this.#put(token);
    else if (command === 'A') this.#row = Math.max(this.#lines.length - this.rows, this.#row - Number(number || 1), 0);
    else if (command === 'G') this.#column = Number(number || 1) - 1;
    else if (command === 'K') this.#lines[this.#row] = this.#line.slice(0, this.#column);
    else if (command === 'J') this.#lines.splice(this.#row, Infinity, this.#line.slice(0, this.#column));
    else if (number === '?7' && (command === 'l' || command === 'h')) this.#wraps = command === 'h';
    else if (command !== 'm') throw new Error(`unknown sequence ${JSON.stringify(token)}`);
  }

  get #line(): string {
    return this.#lines[this.#row] ?? '';
  }

  #newline(): void {
    this.#row += 1;
    this.#column = 0;
    if (this.#row === this.#lines.length) this.#lines.push('');
  }

  #put(character: string): void {
    if (character === '\x1b') throw new Error('an escape that is no sequence');
    const cells = /[\u1100-\u115f\u2e80-\uffe6]/.test(character) ? character + SECOND_HALF : character;
    if (this.#column + cells.length > this.columns) {
      if (this.#wraps) this.#newline();
      else this.#column = this.columns - cells.length;
    }
    const line = this.#line.padEnd(this.#column);
    this.#lines[this.#row] = line.slice(0, this.#column) + cells + line.slice(this.#column + cells.length);
    this.#column += cells.length;
  }
}

/** Collects what is written; no terminal. */
export class Pipe extends Writable {
  text = '';

  override _write(chunk: Buffer | string, _encoding: string, done: (error?: Error) => void): void {
    this.text += String(chunk);
    done();
  }
  get stream(): NodeJS.WriteStream {
    return this as unknown as NodeJS.WriteStream;
  }
}

/** Resolves when the condition holds. */
export async function until(isTrue: () => boolean, withinSeconds = 4): Promise<void> {
  const end = performance.now() + withinSeconds * 1000;
  while (!isTrue()) {
    if (performance.now() > end) throw new Error(`not within ${withinSeconds} s: ${String(isTrue)}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

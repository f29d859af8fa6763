const UP = (lines: number): string => (lines > 0 ? `\x1b[${lines}A` : '');
const CLEAR_BELOW = '\x1b[J';
const CLEAR_REST_OF_LINE = '\x1b[K';
// While a frame is drawn no line may wrap, or the next frame would start at the wrong height.
const WRAP_OFF = '\x1b[?7l';
const WRAP_ON = '\x1b[?7h';
const COLORS = /\x1b\[[0-9;]*m/g;

const textOf = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');

/**
 * The part of a terminal that is painted over and over. Each frame is one write, so that it does not flicker, and the
 * cursor is never hidden: whatever ends the process leaves a usable terminal.
 */
export class Canvas {
  readonly #stream: NodeJS.WriteStream;
  readonly #write: (text: string) => void;
  /** Visible lengths of the lines of the last frame. */
  #painted: number[] = [];
  #above: string[] = [];

  constructor(stream: NodeJS.WriteStream, write: (text: string) => void) {
    this.#stream = stream;
    this.#write = write;
  }

  // A stream without a size (or a terminal that tells 0) counts as a small one.
  get columns(): number {
    return this.#stream.columns || 80;
  }

  /** Lines that a frame may have. */
  get height(): number {
    return Math.max(4, (this.#stream.rows || 24) - 1);
  }

  /** Lines that stay, above the next frame. */
  printAbove(lines: readonly string[]): void {
    this.#above.push(...lines);
  }

  /** What was to be printed and was not yet. */
  takeAbove(): string[] {
    return this.#above.splice(0);
  }

  /** Replaces the frame. What does not fit is cut at the top. */
  paint(lines: readonly string[]): void {
    const frame = lines.slice(-this.height);
    this.#write(
      `${this.#back()}${this.#above.length > 0 ? CLEAR_BELOW : ''}${textOf(this.takeAbove())}${WRAP_OFF}${frame.map((line) => `${line}${CLEAR_REST_OF_LINE}\n`).join('')}${CLEAR_BELOW}${WRAP_ON}`,
    );
    this.#painted = frame.map((line) => line.replace(COLORS, '').length);
  }

  /** Replaces the frame by lines that stay, whole ones, and what was printed meanwhile below them. */
  finish(lines: readonly string[]): void {
    this.#write(`${this.#back()}${CLEAR_BELOW}${textOf(lines)}${textOf(this.takeAbove())}`);
    this.#painted = [];
  }

  /** To the beginning of the last frame. A terminal that became narrower has broken its lines. */
  #back(): string {
    const rows = this.#painted.reduce((sum, length) => sum + Math.max(1, Math.ceil(length / this.columns)), 0);
    return `${UP(rows)}\r`;
  }
}

import type { Event } from '../model/event.ts';
import { Canvas } from './canvas.ts';
import { Progress } from './progress.ts';
import type { Row, RowName } from './row.ts';
import { rowsOf, rowsWithin } from './rows.ts';
import { removePainter, setPainter, type Painter } from './terminal.ts';

const HOSTS_LISTED = 12;
const FAILURES_LISTED = 6;

/** Events that bring something to look at. */
const OPENING: ReadonlySet<Event['type']> = new Set(['host', 'upload', 'wave', 'apply', 'gate']);

/** One stretch of painting. */
interface Stretch {
  end: () => void;
  ended: Promise<void>;
}

export interface LiveOptions {
  stream: NodeJS.WriteStream;
  write: (text: string) => void;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Drawing failed; the events that follow are told in lines. */
  onBroken: (error: unknown) => void;
}

/**
 * The screen of a run on a terminal. It paints in stretches, observing and then applying, so that a plan, a question
 * and an answer have their place between them.
 */
export class Live implements Painter {
  readonly #options: LiveOptions;
  readonly #canvas: Canvas;
  readonly #progress = new Progress();
  /** Rows that stand in the scrollback for good. */
  readonly #settled = new Set<RowName>();
  #stretch: Stretch | undefined;
  /** Something happened since the last stretch was ended. */
  #hasNews = false;
  #isResting = false;
  #isBroken = false;

  constructor(options: LiveOptions) {
    this.#options = options;
    this.#canvas = new Canvas(options.stream, options.write);
    setPainter(this);
  }

  /** Never throws: what cannot be shown ends the screen. */
  take(event: Event): void {
    try {
      this.#progress.take(event);
    } catch (error) {
      this.#break(error);
    }
    if (event.type === 'planned' || event.type === 'finished') void this.#end();
    else if (OPENING.has(event.type)) {
      this.#hasNews = true;
      this.#open();
    }
  }

  print(lines: readonly string[]): void {
    if (this.#stretch === undefined) this.#options.write(lines.map((line) => `${line}\n`).join(''));
    else this.#canvas.printAbove(lines);
  }

  rest(): Promise<void> {
    this.#isResting = true;
    return this.#end();
  }

  resume(): void {
    this.#isResting = false;
    this.#openWhenDue();
  }

  async close(): Promise<void> {
    await this.rest();
    removePainter(this);
  }

  #openWhenDue(): void {
    if (this.#hasNews) this.#open();
  }

  #open(): void {
    if (this.#stretch !== undefined || this.#isResting || this.#isBroken) return;
    let end = (): void => undefined;
    const until = new Promise<void>((resolve) => (end = resolve));
    this.#stretch = { end, ended: this.#show(until).catch((error: unknown) => this.#break(error)) };
  }

  async #show(until: Promise<void>): Promise<void> {
    // listr2 is loaded for a screen only: no other command waits for it.
    const { showTasks } = await import('./tasks.ts');
    await showTasks({
      until,
      canvas: this.#canvas,
      rows: (isLast) => this.#rows(isLast),
      onBroken: (error) => this.#break(error),
    });
  }

  async #end(): Promise<void> {
    this.#hasNews = false;
    const stretch = this.#stretch;
    if (stretch === undefined) return;
    stretch.end();
    await stretch.ended;
    if (this.#stretch !== stretch) return;
    this.#stretch = undefined;
    this.#openWhenDue();
  }

  #rows(isLast: boolean): Row[] {
    const view = {
      now: this.#options.now(),
      hostsListed: HOSTS_LISTED,
      failuresListed: FAILURES_LISTED,
      isOver: isLast,
    };
    const all = isLast
      ? rowsOf(this.#progress, { ...view, hostsListed: 0, failuresListed: Infinity })
      : rowsWithin(this.#progress, this.#canvas.height, view);
    const rows = all.filter((row) => row.state === 'running' || !this.#settled.has(row.name));
    if (isLast) for (const row of rows) if (row.state !== 'stopped') this.#settled.add(row.name);
    return rows;
  }

  #break(error: unknown): void {
    this.#isBroken = true;
    this.#stretch?.end();
    this.#stretch = undefined;
    this.print(this.#canvas.takeAbove());
    this.#options.onBroken(error);
  }
}

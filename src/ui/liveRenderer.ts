import { color, DefaultRenderer, Spinner, type ListrDefaultRendererTask, type ListrEventManager } from 'listr2';
import type { Canvas } from './canvas.ts';

const FRAME_MILLISECONDS = 100;
const INDENT = '    ';

/** What the renderer draws on, and with. */
export interface Stage {
  canvas: Canvas;
  /** Brings the tasks' titles and states up to date; `isLast` for the frame that stays. */
  refresh: (isLast: boolean) => void;
  /** Drawing failed; no frame follows. */
  onBroken: (error: unknown) => void;
}

const toned = (line: string): string => (line.startsWith('✖') ? color.red(line) : color.dim(line));

/**
 * listr2's own renderer with its icons and states, on a canvas of ours: frames come by the clock and not by the event,
 * follow the terminal's size, hijack no stream, and an exception ends the drawing instead of the run.
 */
export function liveRenderer(stage: Stage): typeof DefaultRenderer {
  const spinner = new Spinner();
  return class LiveRenderer extends DefaultRenderer {
    // Whether there is a terminal was decided before.
    static override nonTTY = true;
    #timer: NodeJS.Timeout | undefined;
    #isLast = false;

    constructor(tasks: ListrDefaultRendererTask[], _options: unknown, events: ListrEventManager) {
      super(tasks, { spinner, collapseErrors: false, showErrorMessage: false, showSkipMessage: false }, events);
    }

    override render(): Promise<void> {
      this.#timer = setInterval(() => {
        spinner.spin();
        this.update();
      }, FRAME_MILLISECONDS);
      this.#timer.unref();
      return Promise.resolve();
    }

    override update(): void {
      try {
        stage.refresh(false);
        stage.canvas.paint(this.#lines());
      } catch (error) {
        this.#break(error);
      }
    }

    override end(): void {
      clearInterval(this.#timer);
      try {
        this.#isLast = true;
        stage.refresh(true);
        stage.canvas.finish(this.#lines());
      } catch (error) {
        this.#break(error);
      }
    }

    #lines(): string[] {
      const text = this.create();
      return text === '' ? [] : text.split('\n');
    }

    protected override format(message: string, icon: string): string[] {
      const [first = '', ...below] = message.split('\n');
      return [
        `${icon} ${this.#fit(first, 2)}`,
        ...below.map((line) => toned(`${INDENT}${this.#fit(line, INDENT.length)}`)),
      ];
    }

    /** The last frame is read later, and whole. */
    #fit(line: string, indent: number): string {
      // The last column stays free: clearing the rest of a full line would take its last character.
      const columns = stage.canvas.columns - indent - 1;
      return this.#isLast || line.length <= columns ? line : `${line.slice(0, columns - 1)}…`;
    }

    #break(error: unknown): void {
      clearInterval(this.#timer);
      stage.onBroken(error);
    }
  };
}

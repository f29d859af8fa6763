import type { Clock } from '../../../../src/model/ports.ts';

/** Time that only passes in `pause`. */
export class FakeClock implements Clock {
  time = 1_800_000_000_000;
  pauses = 0;
  /** Greater than 1: time that passes in larger steps, where nothing is counted in polls. */
  pace = 1;
  onPause: (pauses: number) => void = () => undefined;

  now(): number {
    return this.time;
  }

  monotonic(): number {
    return this.time - 1_700_000_000_000;
  }

  async pause(milliseconds: number): Promise<void> {
    this.time += milliseconds * this.pace;
    this.pauses += 1;
    this.onPause(this.pauses);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

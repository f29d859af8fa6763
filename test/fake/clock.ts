import { jest } from '@jest/globals';
import type { Clock } from '../../src/model/ports.ts';

const EPOCH = Date.parse('2026-05-01T08:00:00Z');

jest.useFakeTimers({
  doNotFake: ['hrtime', 'nextTick', 'performance', 'queueMicrotask', 'setImmediate', 'clearImmediate'],
});

/**
 * Time that passes when it is told to, for everything: `pause` lets it pass, and the engine's own timers (the renewal of
 * the lock) ring on the way. Each new clock stops the timers of the one before.
 */
export class VirtualClock implements Clock {
  constructor() {
    jest.clearAllTimers();
    jest.setSystemTime(EPOCH);
  }

  now(): number {
    return Date.now();
  }

  monotonic(): number {
    return Date.now() - EPOCH;
  }

  advance(milliseconds: number): void {
    jest.advanceTimersByTime(milliseconds);
  }

  /** The machine that kbin runs on sleeps: the hosts' time goes on, and its timers have not rung yet when it wakes. */
  sleep(milliseconds: number): void {
    jest.clearAllTimers();
    jest.setSystemTime(Date.now() + milliseconds);
  }

  async pause(milliseconds: number): Promise<void> {
    this.advance(milliseconds);
    await turn();
  }
}

/** Lets everything else that is under way have its turn. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

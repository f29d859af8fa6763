import { setTimeout as pause } from 'node:timers/promises';

/** At most so many at once; the others wait in order. */
export class Slots {
  #limit: number;
  #taken = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  get taken(): number {
    return this.#taken;
  }

  /** Resolves when a slot is free, with the function that gives it back; calling that again does nothing. */
  async take(): Promise<() => void> {
    if (this.#taken >= this.#limit) await new Promise<void>((go) => this.#waiting.push(go));
    else this.#taken += 1;
    let isTaken = true;
    return () => {
      if (isTaken) this.#give();
      isTaken = false;
    };
  }

  /** Lowers the limit for good, to one at least. */
  lower(limit: number): void {
    this.#limit = Math.max(1, Math.min(this.#limit, limit));
  }

  #give(): void {
    const next = this.#taken > this.#limit ? undefined : this.#waiting.shift();
    if (next === undefined) this.#taken -= 1;
    else next();
  }
}

/** Handshakes at once in the process: more only make each slower, the CPU is the limit. */
const HANDSHAKES_AT_ONCE = 30;
/** New connections a second to one sshd. Its MaxStartups (10:30:100) begins to drop at ten that have not logged in. */
const STARTS_PER_SECOND = 8;

/** Lets connections start at a rate that sshd bears. */
export class Pace {
  readonly #slots: Slots;
  readonly #perSecond: number;
  readonly #starts = new Map<string, number[]>();

  constructor({ atOnce = HANDSHAKES_AT_ONCE, perSecond = STARTS_PER_SECOND } = {}) {
    this.#slots = new Slots(atOnce);
    this.#perSecond = perSecond;
  }

  /** Runs `work`, a handshake with the sshd named by `destination`, when its turn has come. */
  async start<T>(destination: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const wait = this.#reserve(destination);
    if (wait > 0) await pause(wait, undefined, signal === undefined ? {} : { signal });
    const release = await this.#slots.take();
    try {
      signal?.throwIfAborted();
      return await work();
    } finally {
      release();
    }
  }

  /** Milliseconds until a start is due that keeps `perSecond` within any second. */
  #reserve(destination: string): number {
    const now = performance.now();
    const recent = (this.#starts.get(destination) ?? []).filter((at) => at > now - 1000);
    const oldest = recent[recent.length - this.#perSecond];
    const due = oldest === undefined ? now : oldest + 1000;
    this.#starts.set(destination, [...recent, due]);
    return due - now;
  }
}

/** The one pace of this process, whoever connects. */
export const processPace = new Pace();

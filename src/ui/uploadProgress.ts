import type { Event } from '../model/event.ts';
import type { HostName } from '../model/inventory.ts';

type UploadEvent = Extract<Event, { type: 'upload' }>;

/** What was sent to one host since it last stood idle. */
export interface Lot {
  files: number;
  /** Compressed, of files that arrived. */
  bytes: number;
  startedAt: number;
  lastAt: number;
}

/** Uploads by host. Sizes are compressed ones: what crosses the link. */
export class UploadProgress {
  /** What the plan announced. */
  expectedBytes: number | undefined;
  doneBytes = 0;
  doneFiles = 0;
  startedAt: number | undefined;
  lastAt = 0;
  readonly failed = new Map<HostName, string>();
  /** Artifacts under way, by host. */
  readonly underWay = new Map<HostName, Set<string>>();
  readonly #lots = new Map<HostName, Lot>();

  take(event: UploadEvent): void {
    this.startedAt ??= event.at;
    this.lastAt = event.at;
    const own = this.underWay.get(event.host) ?? new Set();
    const lot = this.#lots.get(event.host) ?? { files: 0, bytes: 0, startedAt: event.at, lastAt: event.at };
    this.#lots.set(event.host, lot);
    lot.lastAt = event.at;
    if (event.state === 'started') own.add(event.artifact);
    else own.delete(event.artifact);
    if (own.size === 0) this.underWay.delete(event.host);
    else this.underWay.set(event.host, own);
    if (event.state === 'failed') this.failed.set(event.host, `${event.artifact}: ${event.message ?? 'failed'}`);
    if (event.state !== 'done') return;
    this.doneBytes += event.compressedBytes;
    this.doneFiles += 1;
    lot.files += 1;
    lot.bytes += event.compressedBytes;
  }

  /** Lots of hosts that nothing is under way to; they are given once. */
  takeIdleLots(): [HostName, Lot][] {
    const idle = [...this.#lots].filter(([host]) => !this.underWay.has(host));
    for (const [host] of idle) this.#lots.delete(host);
    return idle.filter(([, lot]) => lot.files > 0);
  }
}

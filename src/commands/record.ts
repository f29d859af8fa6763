import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Event } from '../model/event.ts';
import type { HostName } from '../model/inventory.ts';
import { clusterFolder } from '../paths.ts';

const failedFile = (cluster: string): string => join(clusterFolder(cluster), 'failed.json');

/** Hosts that failed in the last deploy; none when there was none. */
export function failedBefore(cluster: string): Set<HostName> {
  try {
    return new Set(JSON.parse(readFileSync(failedFile(cluster), 'utf8')) as HostName[]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return new Set();
    throw error;
  }
}

export const rememberFailed = (cluster: string, hosts: readonly HostName[]): void => {
  writeFileSync(failedFile(cluster), JSON.stringify(hosts), { mode: 0o600 });
};

/** Hosts that failed, by a run's events. */
export const failedHosts = (events: readonly Event[]): HostName[] => [
  ...new Set(
    events.flatMap((event) => {
      if (event.type === 'host' && event.state === 'failed') return [event.host];
      return event.type === 'apply' && event.state === 'failed' ? [event.host] : [];
    }),
  ),
];

/** Every event of a run, written as it happens: what a killed run did stays on record. */
export class Journal {
  readonly events: Event[] = [];
  readonly #file: number;

  constructor(cluster: string, run: string) {
    const folder = join(clusterFolder(cluster), 'runs');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#file = openSync(join(folder, `${run}.ndjson`), 'ax', 0o600);
  }

  add(event: Event): void {
    this.events.push(event);
    writeSync(this.#file, `${JSON.stringify(event)}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }
}

import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
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

/** Journals kept for each cluster. They are for looking into a run; the audit record is not cut. */
const RUNS_KEPT = 100;
const SUFFIX = '.ndjson';

/** Every event of a run, written as it happens: what a killed run did stays on record. */
export class Journal {
  readonly events: Event[] = [];
  readonly #folder: string;
  readonly #name: string;
  readonly #file: number;

  constructor(cluster: string, run: string) {
    this.#folder = join(clusterFolder(cluster), 'runs');
    this.#name = `${run}${SUFFIX}`;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    this.#file = openSync(join(this.#folder, this.#name), 'ax', 0o600);
  }

  add(event: Event): void {
    this.events.push(event);
    writeSync(this.#file, `${JSON.stringify(event)}\n`);
  }

  /** Ends the journal and deletes the oldest beyond the kept ones. Returns what keeps them from being deleted. */
  close(): string | undefined {
    closeSync(this.#file);
    try {
      for (const name of this.#others().slice(RUNS_KEPT - 1)) rmSync(join(this.#folder, name), { force: true });
      return undefined;
    } catch (error) {
      return `Old runs cannot be deleted: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  /** The other journals, last written first: one that another kbin is writing right now is no old one. */
  #others(): string[] {
    const journals = readdirSync(this.#folder, { withFileTypes: true }).filter(
      (entry) => entry.isFile() && entry.name.endsWith(SUFFIX) && entry.name !== this.#name,
    );
    const writtenAt = (name: string) => statSync(join(this.#folder, name), { throwIfNoEntry: false })?.mtimeMs ?? 0;
    return journals
      .map(({ name }) => ({ name, at: writtenAt(name) }))
      .sort((one, other) => other.at - one.at || (one.name < other.name ? 1 : -1))
      .map(({ name }) => name);
  }
}

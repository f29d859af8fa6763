import { open, type FileHandle } from 'node:fs/promises';
import { EXIT_CODES } from '../errors.ts';
import type { Event } from '../model/event.ts';
import { jsonLine } from './jsonLine.ts';

/** What the record needs to know of the engine. */
export interface AuditedEngine {
  operator: { who: string; from: string };
  run: string;
  inventory: { cluster: string; digest: string };
}

export interface AuditedRun {
  engine: AuditedEngine;
  command: string;
  events: readonly Event[];
}

type Of<T extends Event['type']> = Extract<Event, { type: T }>;
const firstOf = <T extends Event['type']>(events: readonly Event[], type: T): Of<T> | undefined =>
  events.find((event): event is Of<T> => event.type === type);

interface HostRecord {
  verbs: Record<string, number>;
  steps: { step: string; result: string }[];
  failure?: string;
}

/** What happened on each host, `local` and `api` among them, as far as something did. */
function hostRecords(events: readonly Event[]): Map<string, HostRecord> {
  const records = new Map<string, HostRecord>();
  const of = (host: string): HostRecord => {
    const record = records.get(host) ?? { verbs: {}, steps: [] };
    records.set(host, record);
    return record;
  };
  for (const event of events) {
    if (event.type === 'step') {
      const { verbs, steps } = of(event.host);
      if (event.result === 'done') verbs[event.verb] = (verbs[event.verb] ?? 0) + 1;
      steps.push({ step: event.step, result: event.result });
    } else if (
      (event.type === 'apply' || event.type === 'host' || event.type === 'upload') &&
      event.state === 'failed'
    ) {
      const record = of(event.host);
      record.failure ??= event.message ?? 'failed';
    }
  }
  return records;
}

const iso = (at: number | undefined): string | undefined => (at === undefined ? undefined : new Date(at).toISOString());

/** The lines of one run: `run` opens, one `host` for each host that something happened on, `result` closes. */
export function auditRecords({ engine, command, events }: AuditedRun): object[] {
  const planned = firstOf(events, 'planned');
  const finished = firstOf(events, 'finished');
  const { run } = engine;
  const { cluster } = engine.inventory;
  return [
    {
      record: 'run',
      run,
      who: engine.operator.who,
      from: engine.operator.from,
      at: iso(events[0]?.at),
      command,
      cluster,
      clusterId: planned?.clusterId,
      inventoryDigest: engine.inventory.digest,
      planDigest: planned?.planDigest,
      plannedSteps: planned?.steps,
    },
    ...[...hostRecords(events)].map(([host, record]) => ({ record: 'host', run, cluster, host, ...record })),
    {
      record: 'result',
      run,
      cluster,
      at: iso(finished?.at ?? events.at(-1)?.at),
      ok: finished?.ok ?? false,
      exitCode: finished?.exitCode ?? EXIT_CODES.BUG,
      seconds: finished?.seconds,
      changed: finished?.changed ?? 0,
      failedHosts: finished?.failedHosts ?? [],
    },
  ];
}

/** True when the file ends inside a line, as after a machine that lost power. */
async function isTorn(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat();
  if (size === 0) return false;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] !== 0x0a;
}

/**
 * Appends what a run did to the audit file, as JSON lines in one write, readable by the operator alone. Runs side by
 * side do not mix: every record names its run.
 * @throws the file system's own error.
 */
export async function appendAudit(path: string, audited: AuditedRun): Promise<void> {
  const lines = auditRecords(audited).map((record) => `${jsonLine(record)}\n`);
  const file = await open(path, 'a+', 0o600);
  try {
    await file.chmod(0o600);
    const text = Buffer.from(`${(await isTorn(file)) ? '\n' : ''}${lines.join('')}`);
    let written = 0;
    // One call takes everything but on a full disk.
    while (written < text.length) written += (await file.write(text, written)).bytesWritten;
    await file.datasync();
  } finally {
    await file.close();
  }
}

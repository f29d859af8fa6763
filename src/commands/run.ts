import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine } from '../engine/engine.ts';
import type { Fleet } from '../engine/fleet.ts';
import type { RunResult } from '../engine/run.ts';
import { exitCodeOf } from '../errors.ts';
import { loadInventory } from '../inventory/load.ts';
import type { Emit, Event } from '../model/event.ts';
import type { HostName } from '../model/inventory.ts';
import { clusterFolder } from '../paths.ts';
import { appendAudit } from '../ui/audit.ts';
import { createReporter, type Reporter } from '../ui/reporter.ts';
import { timelineLines } from '../ui/timeline.ts';
import { flag, number, text, type Arguments } from './command.ts';
import { limitedHosts } from './limit.ts';
import { openEngine, systemClock } from './session.ts';

/** What a command that works on the fleet has in hand. */
export interface RunSession {
  engine: Engine;
  fleet: Fleet;
  isInteractive: boolean;
  /** Prints a line beside the progress: standard output, or standard error when that carries JSON. */
  print: (line: string) => void;
  result?: RunResult;
}

const failedFile = (cluster: string): string => join(clusterFolder(cluster), 'failed.json');

/** Hosts that failed in the last run. */
async function failedBefore(cluster: string): Promise<Set<HostName>> {
  const stored = await readFile(failedFile(cluster), 'utf8').catch(() => '[]');
  return new Set(JSON.parse(stored) as HostName[]);
}

/** Hosts chosen by `--limit`; undefined for all. */
export async function chosenHosts(
  session: RunSession,
  expression: string | undefined,
): Promise<Set<HostName> | undefined> {
  if (expression === undefined) return undefined;
  const { inventory } = session.engine;
  return limitedHosts(inventory, expression, await failedBefore(inventory.cluster));
}

const failedHosts = (events: readonly Event[]): HostName[] => [
  ...new Set(
    events.flatMap((event) => {
      if (event.type === 'host' && event.state === 'failed') return [event.host];
      return event.type === 'apply' && event.state === 'failed' ? [event.host] : [];
    }),
  ),
];

async function leaveRecord(engine: Engine, command: string, events: readonly Event[]): Promise<void> {
  const { cluster } = engine.inventory;
  const folder = join(clusterFolder(cluster), 'runs');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (command === 'deploy') await writeFile(failedFile(cluster), JSON.stringify(failedHosts(events)), { mode: 0o600 });
  await writeFile(join(folder, `${engine.run}.ndjson`), events.map((event) => `${JSON.stringify(event)}\n`).join(''), {
    mode: 0o600,
  });
  await appendAudit(join(clusterFolder(cluster), 'audit.jsonl'), { engine, command, events });
}

/**
 * Runs a command over the fleet: loads the inventory, shows progress, and whatever happens closes the connections,
 * writes the run's events, the timeline and the audit record.
 */
export async function withRun(
  args: Arguments,
  command: string,
  work: (session: RunSession) => Promise<number>,
): Promise<number> {
  const inventory = await loadInventory(text(args, 'inventory') ?? '');
  const events: Event[] = [];
  const reporter: Reporter = createReporter({
    json: flag(args, 'json'),
    stdout: process.stdout,
    stderr: process.stderr,
  });
  const emit: Emit = (event) => {
    events.push(event);
    reporter.emit(event);
  };
  const { engine, fleet } = await openEngine({ inventory, parallel: number(args, 'parallel') ?? 50, emit });
  const begun = systemClock.monotonic();
  const session: RunSession = {
    engine,
    fleet,
    isInteractive: reporter.isInteractive,
    print: (line) => {
      reporter.print(line);
    },
  };
  emit({
    type: 'run',
    command,
    cluster: inventory.cluster,
    hosts: inventory.hosts.map((host) => host.name),
    at: systemClock.now(),
  });
  let exitCode = 70;
  try {
    exitCode = await work(session);
    return exitCode;
  } catch (error) {
    exitCode = exitCodeOf(error);
    throw error;
  } finally {
    const seconds = (systemClock.monotonic() - begun) / 1000;
    const changed = session.result?.changed ?? 0;
    emit({
      type: 'finished',
      ok: exitCode === 0,
      exitCode,
      seconds,
      changed,
      failedHosts: failedHosts(events),
      at: systemClock.now(),
    });
    await reporter.close();
    if (changed > 0 && !flag(args, 'json')) for (const line of timelineLines(events)) reporter.print(line);
    await fleet.close();
    await leaveRecord(engine, command, events);
  }
}

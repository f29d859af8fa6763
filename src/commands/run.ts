import { join } from 'node:path';
import type { Engine } from '../engine/engine.ts';
import type { Fleet } from '../engine/fleet.ts';
import type { RunResult } from '../engine/run.ts';
import { EXIT_CODES, exitCodeOf } from '../errors.ts';
import { loadInventory } from '../inventory/load.ts';
import type { Emit } from '../model/event.ts';
import type { HostName } from '../model/inventory.ts';
import { clusterFolder } from '../paths.ts';
import { appendAudit } from '../ui/audit.ts';
import { confirm } from '../ui/confirm.ts';
import { createReporter, type Reporter } from '../ui/reporter.ts';
import { timelineLines } from '../ui/timeline.ts';
import { flag, number, text, type Arguments } from './command.ts';
import { interruption } from './interrupt.ts';
import { limitedHosts } from './limit.ts';
import { failedBefore, failedHosts, Journal, rememberFailed } from './record.ts';
import { openEngine, runId, systemClock } from './session.ts';
import { unlockOf } from './unlock.ts';

/** What a command that works on the fleet has in hand. */
export interface RunSession {
  engine: Engine;
  fleet: Fleet;
  isInteractive: boolean;
  /** Prints a line beside the progress: standard output, or standard error when that carries JSON. */
  print: (line: string) => void;
  /** Asks the operator. */
  confirm: (question: string) => Promise<boolean>;
  result?: RunResult;
}

/** Hosts chosen by `--limit`; undefined for all. */
export function chosenHosts(
  session: Pick<RunSession, 'engine'>,
  expression: string | undefined,
): Set<HostName> | undefined {
  if (expression === undefined) return undefined;
  const { inventory } = session.engine;
  return limitedHosts(inventory, expression, failedBefore(inventory.cluster));
}

/** What a run is called, where that is not all. */
export interface RunTitle {
  command: string;
  /** Where it is shown: standard error for a command whose standard output is its result. */
  screen: NodeJS.WriteStream;
}

/** Everything that happens around the work, whatever the work does. */
class Surroundings {
  readonly journal: Journal;
  readonly #reporter: Reporter;
  readonly #begun = systemClock.monotonic();

  constructor(journal: Journal, reporter: Reporter) {
    this.journal = journal;
    this.#reporter = reporter;
  }

  readonly emit: Emit = (event) => {
    this.journal.add(event);
    this.#reporter.emit(event);
  };

  async finish(exitCode: number, changed: number): Promise<void> {
    const seconds = (systemClock.monotonic() - this.#begun) / 1000;
    const hosts = failedHosts(this.journal.events);
    this.emit({
      type: 'finished',
      ok: exitCode === 0 || exitCode === EXIT_CODES.PENDING,
      exitCode,
      seconds,
      changed,
      failedHosts: hosts,
      at: systemClock.now(),
    });
    await this.#reporter.close();
    const complaint = this.journal.close();
    if (complaint !== undefined) this.#reporter.print(complaint);
  }
}

/**
 * Runs a command over the fleet: loads the inventory, shows progress, and whatever happens closes the connections and
 * leaves the run's events, the timeline and the audit record.
 */
export async function withRun(
  args: Arguments,
  title: string | RunTitle,
  work: (session: RunSession) => Promise<number>,
): Promise<number> {
  const inventory = await loadInventory(text(args, 'inventory') ?? '');
  const { command, screen } = typeof title === 'string' ? { command: title, screen: process.stdout } : title;
  const isJson = flag(args, 'json') && screen === process.stdout;
  const reporter = createReporter({ json: isJson, stdout: screen, stderr: process.stderr });
  const print = (line: string): void => {
    reporter.print(line);
  };
  const run = runId();
  const surroundings = new Surroundings(new Journal(inventory.cluster, run), reporter);
  const { emit, journal } = surroundings;
  const { signal, dispose } = interruption(print);
  const parallel = number(args, 'parallel') ?? 50;
  const unlock = unlockOf(args);
  const { engine, fleet } = await openEngine({ inventory, parallel, emit, signal, run, unlock });
  const session: RunSession = { engine, fleet, isInteractive: reporter.isInteractive, print, confirm };
  const hosts = inventory.hosts.map((host) => host.name);
  emit({ type: 'run', command, cluster: inventory.cluster, hosts, at: systemClock.now() });
  let exitCode = exitCodeOf(undefined);
  try {
    exitCode = await work(session);
    return exitCode;
  } catch (error) {
    exitCode = exitCodeOf(error);
    throw error;
  } finally {
    dispose();
    const changed = session.result?.changed ?? 0;
    await surroundings.finish(exitCode, changed);
    const hasWaves = journal.events.some(({ type }) => type === 'wave');
    if (changed > 0 && hasWaves && !isJson) timelineLines(journal.events).forEach(print);
    await fleet.close();
    if (command === 'deploy') rememberFailed(inventory.cluster, failedHosts(journal.events));
    await appendAudit(join(clusterFolder(inventory.cluster), 'audit.jsonl'), {
      engine,
      command,
      events: journal.events,
    });
  }
}

import type { Connections } from '../engine/apiClient.ts';
import { fanOut } from '../engine/fanOut.ts';
import type { Engine } from '../engine/engine.ts';
import { KbinError } from '../errors.ts';
import { hostsWith, type HostName } from '../model/inventory.ts';
import type { Command, Output } from '../model/ports.ts';

/** What procedures of etcd have in hand. */
export interface EtcdGround {
  engine: Engine;
  fleet: Connections;
  /** Tells the operator what is done. */
  tell: (line: string) => void;
}

/** Hosts of a role. */
export const namesOf = ({ inventory }: Engine, role: 'etcd' | 'control-plane'): HostName[] =>
  hostsWith(inventory, role).map(({ name }) => name);

/** Runs one script on a host. Throws STEP with its last words when it fails, and the connection's errors. */
export async function runOn({ fleet }: EtcdGround, host: HostName, command: Command): Promise<Output> {
  const output = await (await fleet.connection(host)).run(command);
  if (output.exitCode === 0) return output;
  const lines = output.stderr.trim().split('\n');
  throw new KbinError('STEP', `${host}: ${lines.at(-1) ?? `ended with ${output.exitCode}`}`, {
    host,
    evidence: lines.slice(-6),
  });
}

/**
 * Does the same on several hosts at once, and waits for all of them. Returns what each gave. Throws the one failure, or
 * HOSTS with all of them.
 */
export async function onEach<T>(
  { engine }: EtcdGround,
  hosts: readonly HostName[],
  work: (host: HostName) => Promise<T>,
): Promise<Map<HostName, T>> {
  const answers = await fanOut(hosts, engine.parallel, work);
  const errors = answers.flatMap((answer) => (answer.ok ? [] : [answer.error]));
  const [first] = errors;
  if (errors.length === 1) throw first as Error;
  if (errors.length > 1) {
    throw new KbinError('HOSTS', `${errors.length} hosts failed`, {
      evidence: errors.map((error) => (error instanceof Error ? error.message : String(error))),
    });
  }
  return new Map(answers.flatMap((answer, index) => (answer.ok ? [[hosts[index] ?? '', answer.value] as const] : [])));
}

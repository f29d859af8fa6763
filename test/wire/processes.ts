import { readdirSync, readFileSync } from 'node:fs';

/** All processes below one, deepest first. */
export function descendants(parent: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const above = Number(statOf(name)[1]);
    if (!Number.isNaN(above)) parents.set(Number(name), above);
  }
  const below = (pid: number): number[] =>
    [...parents].flatMap(([child, above]) => (above === pid ? [...below(child), child] : []));
  return below(parent);
}

/** The fields of /proc/PID/stat from the state on; none when the process has ended. */
function statOf(pid: number | string): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

/** True while the process is there and not only a zombie. */
export const isRunning = (pid: number): boolean => !['Z', 'X', undefined].includes(statOf(pid)[0]);

/** Name of a process's program; empty when it has ended. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

/** Ends a process at once; one that has ended by itself is no failure. */
export function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

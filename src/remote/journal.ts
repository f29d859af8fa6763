import { unitName } from './allowed.ts';
import { shellWords } from './quote.ts';
import { PRELUDE } from './shell.ts';

/** Prints the last `lines` journal lines of these units together, oldest first: evidence for a gate that failed. */
export function journalScript(units: readonly string[], lines: number): string {
  const chosen = units.flatMap((unit) => ['-u', unitName(unit)]);
  return `${PRELUDE}\n${shellWords(['journalctl', '--no-pager', '-q', '-o', 'short-iso', '-n', String(lines), ...chosen])}\n`;
}

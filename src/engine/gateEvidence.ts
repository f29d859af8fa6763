import type { Connection } from '../model/ports.ts';
import { printable } from '../model/plainText.ts';
import { shellQuote } from '../remote/quote.ts';

const JOURNAL_LINES = 20;
const RUN_SECONDS = 10;
const MAX_CHARACTERS = 16_000;
const UNIT_MARK = '=== unit ';
const JOURNAL_MARK = '=== journal';

/** Asks systemd for the state of each unit and for the end of its journal, in one exec. */
export function journalScript(units: readonly string[]): string {
  const properties = '--property=ActiveState,SubState,NRestarts,Result';
  return units
    .map((unit) =>
      [
        `echo ${shellQuote(UNIT_MARK + unit)}`,
        `systemctl show ${shellQuote(unit)} ${properties}`,
        `echo ${shellQuote(JOURNAL_MARK)}`,
        `journalctl -u ${shellQuote(unit)} -n ${JOURNAL_LINES} --no-pager -o short-iso`,
      ].join('\n'),
    )
    .join('\n');
}

/** `activating (auto-restart), restarted 12 times, last result exit-code`. */
function unitState(properties: string): string {
  const read = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(properties)?.[1]?.trim() ?? '';
  const restarts = Number(read('NRestarts'));
  const result = read('Result');
  return [
    `${read('ActiveState') || 'unknown'} (${read('SubState') || 'unknown'})`,
    ...(restarts > 0 ? [`restarted ${restarts} times`] : []),
    ...(result === '' || result === 'success' ? [] : [`last result ${result}`]),
  ].join(', ');
}

/** Lines for people out of what {@link journalScript} printed. */
export function journalLines(host: string, stdout: string): string[] {
  const sections = printable(stdout, MAX_CHARACTERS).split(UNIT_MARK).slice(1);
  return sections.flatMap((section) => {
    const [head = '', journal = ''] = section.split(JOURNAL_MARK);
    const unit = head.split('\n')[0] ?? '';
    const lines = journal.split('\n').filter((line) => line.trim() !== '');
    return [`${host} ${unit}: ${unitState(head)}`, ...lines.map((line) => `  ${line}`)];
  });
}

/** State and last journal lines of the units on one host; why they cannot be had, when they cannot. */
export async function unitEvidence(
  host: string,
  connect: () => Promise<Connection>,
  units: readonly string[],
): Promise<string[]> {
  if (units.length === 0) return [];
  try {
    const connection = await connect();
    const { stdout } = await connection.run({ script: journalScript(units), timeoutSeconds: RUN_SECONDS });
    return journalLines(host, stdout);
  } catch (error) {
    return [`${host}: its journal cannot be read: ${error instanceof Error ? error.message : String(error)}`];
  }
}

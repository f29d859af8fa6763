import { PHASES } from '../model/phase.ts';
import { plainLine } from '../model/plainText.ts';
import { counted, grouped } from './words.ts';

/** Rows of the screen, from top to bottom. */
export const ROW_NAMES = ['observe', 'plan', 'uploads', ...PHASES] as const;
export type RowName = (typeof ROW_NAMES)[number];

export interface Row {
  name: RowName;
  state: 'running' | 'done' | 'failed' | 'stopped';
  /** What the row says, and the lines below it. */
  text: string;
  below: string[];
}

export interface View {
  /** Milliseconds since the epoch. */
  now: number;
  /** Hosts are listed below a row of at most so many. */
  hostsListed: number;
  /** Failed hosts with their reason below a row; the others are named together. */
  failuresListed: number;
  /** Nothing more comes: what still runs was stopped. */
  isOver: boolean;
}

const LABEL_COLUMNS = 12;
const TOOK_COLUMNS = 8;

/** A row with its time beside its name, so that times stand below each other. */
export const row = (
  name: RowName,
  state: Row['state'],
  rest: { took?: string; text: string; below?: string[] },
): Row => ({
  name,
  state,
  text: `${name.padEnd(LABEL_COLUMNS)}${(rest.took ?? '').padStart(TOOK_COLUMNS)}  ${rest.text}`,
  below: rest.below ?? [],
});

/** Parts that are there, with commas. */
export const sentence = (parts: readonly (string | undefined | false)[]): string =>
  parts.filter((part) => typeof part === 'string' && part !== '').join(', ');

/** Messages often open with the host's name, which the line has already. */
const withoutName = ([host, message]: readonly [string, string]): [string, string] => [
  host,
  plainLine(message.startsWith(`${host}: `) ? message.slice(host.length + 2) : message),
];

const failureLine = (message: string, hosts: readonly string[]): string =>
  hosts.length <= 3
    ? `✖ ${hosts.join(', ')}: ${message}`
    : `✖ ${message}: ${counted(hosts.length, 'host')}: ${hosts.join(', ')}`;

/** Every failed host, by name; those that say the same together. */
export function failureLines(failed: ReadonlyMap<string, string>, view: View): string[] {
  const groups = [...grouped([...failed].map(withoutName))];
  const lines = groups.slice(0, view.failuresListed).map(([message, hosts]) => failureLine(message, hosts));
  const rest = groups.slice(view.failuresListed).flatMap(([, hosts]) => hosts);
  return rest.length === 0 ? lines : [...lines, `✖ ${counted(rest.length, 'host')} more: ${rest.join(', ')}`];
}

/** What runs when nothing more comes was stopped. */
export const stateOf = (isRunning: boolean, hasFailed: boolean, view: View): Row['state'] => {
  if (isRunning) return view.isOver ? 'stopped' : 'running';
  return hasFailed ? 'failed' : 'done';
};

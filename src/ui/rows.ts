import { PHASES, type PhaseName } from '../model/phase.ts';
import { plainLine } from './plainText.ts';
import type { ObserveProgress, PhaseProgress, Progress } from './progress.ts';
import type { UploadProgress } from './uploadProgress.ts';
import { counted, grouped, rate, seconds, size } from './words.ts';

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
const ANSWERS_SHOWN = 2;

const row = (name: RowName, state: Row['state'], rest: { took?: string; text: string; below?: string[] }): Row => ({
  name,
  state,
  text: `${name.padEnd(LABEL_COLUMNS)}${(rest.took ?? '').padStart(TOOK_COLUMNS)}  ${rest.text}`,
  below: rest.below ?? [],
});

const sentence = (parts: readonly (string | undefined | false)[]): string =>
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
function failureLines(failed: ReadonlyMap<string, string>, view: View): string[] {
  const groups = [...grouped([...failed].map(withoutName))];
  const lines = groups.slice(0, view.failuresListed).map(([message, hosts]) => failureLine(message, hosts));
  const rest = groups.slice(view.failuresListed).flatMap(([, hosts]) => hosts);
  return rest.length === 0 ? lines : [...lines, `✖ ${counted(rest.length, 'host')} more: ${rest.join(', ')}`];
}

const stateOf = (isRunning: boolean, hasFailed: boolean, view: View): Row['state'] => {
  if (isRunning) return view.isOver ? 'stopped' : 'running';
  return hasFailed ? 'failed' : 'done';
};

function observeRow(observe: ObserveProgress, isPlanned: boolean, view: View): Row {
  const { observed, failed, total, connecting } = observe;
  const isRunning = !isPlanned && (connecting.size > 0 || observed + failed.size < total);
  const took = seconds((isRunning ? view.now : observe.lastAt) - observe.startedAt);
  const listed = connecting.size > 0 && total <= view.hostsListed ? [`waiting for ${[...connecting].join(', ')}`] : [];
  return row('observe', stateOf(isRunning, failed.size > 0, view), {
    took,
    text: sentence([
      isRunning ? `${observed} of ${counted(total, 'host')}` : counted(observed, 'host'),
      failed.size > 0 && `${failed.size} failed`,
    ]),
    below: [...(isRunning ? listed : []), ...failureLines(failed, view)],
  });
}

function uploadRow(uploads: UploadProgress, view: View): Row | undefined {
  const { startedAt, underWay, doneBytes, expectedBytes } = uploads;
  if (startedAt === undefined) return undefined;
  const isRunning = underWay.size > 0;
  const took = (isRunning ? view.now : uploads.lastAt) - startedAt;
  const amount =
    isRunning && expectedBytes !== undefined && expectedBytes > doneBytes
      ? `${size(doneBytes)} of ${size(expectedBytes)}`
      : size(doneBytes);
  const isListed = isRunning && underWay.size <= view.hostsListed;
  return row('uploads', stateOf(isRunning, uploads.failed.size > 0, view), {
    took: seconds(took),
    text: sentence([
      amount,
      doneBytes > 0 && rate(doneBytes, took),
      isRunning && `to ${counted(underWay.size, 'host')}`,
    ]),
    below: [
      ...(isListed ? [...underWay].map(([host, artifacts]) => `${host}: ${[...artifacts].join(', ')}`) : []),
      ...failureLines(uploads.failed, view),
    ],
  });
}

/** Names of a few hosts, the number of many with the first of them. */
const hostsText = (hosts: readonly string[]): string =>
  hosts.length <= 3 ? hosts.join(', ') : `${counted(hosts.length, 'host')}, ${hosts[0] ?? ''} first`;

/** `no leader (cp-2, cp-3)`: what a gate waits for, hosts with the same answer together. */
export function answersText(answers: Readonly<Record<string, string>>): string {
  const groups = [...grouped(Object.entries(answers))];
  const shown = groups.slice(0, ANSWERS_SHOWN).map(([answer, hosts]) => `${plainLine(answer)} (${hostsText(hosts)})`);
  const more = groups.length - shown.length;
  return [...shown, ...(more > 0 ? [`${more} other answers`] : [])].join(', ');
}

/** `2 of 3 hosts`, or steps where the phase runs here or on the API. */
function amountText(phase: PhaseProgress, isDone: boolean): string | undefined {
  if (phase.hosts.size > 0) {
    return isDone
      ? counted(phase.appliedHosts, 'host')
      : `${phase.appliedHosts} of ${counted(phase.expectedHosts, 'host')}`;
  }
  if (phase.steps === 0) return phase.gate === undefined ? undefined : 'nothing to change';
  return isDone ? counted(phase.steps, 'step') : `${phase.stepsDone} of ${counted(phase.steps, 'step')}`;
}

function gateText(phase: PhaseProgress): string | undefined {
  const { gate } = phase;
  if (gate === undefined) return undefined;
  if (phase.state === 'waiting') {
    const answers = answersText(gate.answers);
    return answers === '' ? 'waiting for the gate' : `gate waits: ${answers}`;
  }
  if (phase.state === 'failed') return `gate failed: ${answersText(gate.answers)}`;
  return gate.endedAt === undefined ? undefined : `gate ${seconds(gate.endedAt - gate.since)}`;
}

/** Hosts by what they are at, those that are waited for first; failed ones have lines of their own. */
function hostLines(phase: PhaseProgress, view: View): string[] {
  if (phase.expectedHosts > view.hostsListed) return [];
  const groups = grouped([...phase.hosts].map(([host, { state }]) => [host, state] as const));
  return (['applying', 'applied'] as const).flatMap((state) => {
    const hosts = groups.get(state);
    return hosts === undefined ? [] : [`${state} ${hosts.join(', ')}`];
  });
}

function phaseRow(phase: PhaseProgress, view: View): Row {
  const isRunning = phase.state === 'applying' || phase.state === 'waiting';
  const isDone = phase.state === 'done';
  const took = seconds((phase.endedAt ?? view.now) - phase.startedAt);
  return row(phase.phase, stateOf(isRunning, phase.state === 'failed', view), {
    took,
    text: sentence([
      amountText(phase, isDone),
      phase.failedHosts.size > 0 && `${phase.failedHosts.size} failed`,
      phase.turns > 1 && `turn ${phase.turns}`,
      gateText(phase),
    ]),
    below: [
      ...(phase.state === 'applying' && !view.isOver ? hostLines(phase, view) : []),
      ...failureLines(phase.failedHosts, view),
    ],
  });
}

function planRow({ planned }: Progress): Row | undefined {
  if (planned === undefined) return undefined;
  const { steps, waves, hosts } = planned;
  const text =
    steps === 0
      ? 'nothing to do'
      : `${counted(steps, 'step')} in ${counted(waves, 'wave')} on ${counted(hosts, 'host')}`;
  return row('plan', 'done', { text });
}

/** The rows that a run has reached, in the order of the plan. */
export function rowsOf(progress: Progress, view: View): Row[] {
  const { observe, planned, uploads, phases } = progress;
  const ofPhases = PHASES.flatMap((name: PhaseName) => {
    const phase = phases.get(name);
    return phase === undefined ? [] : [phaseRow(phase, view)];
  });
  const first = [
    observe === undefined ? undefined : observeRow(observe, planned !== undefined, view),
    planRow(progress),
    uploadRow(uploads, view),
  ];
  return [...first.filter((own) => own !== undefined), ...ofPhases];
}

const heightOf = (rows: readonly Row[]): number => rows.reduce((height, { below }) => height + 1 + below.length, 0);

/** Rows that fit a screen: hosts and failures are folded as far as it takes. */
export function rowsWithin(progress: Progress, height: number, view: View): Row[] {
  const wide = rowsOf(progress, view);
  if (heightOf(wide) <= height) return wide;
  const folded = rowsOf(progress, { ...view, hostsListed: 0 });
  return heightOf(folded) <= height ? folded : rowsOf(progress, { ...view, hostsListed: 0, failuresListed: 1 });
}

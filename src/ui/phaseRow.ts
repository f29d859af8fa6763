import { plainLine } from '../model/plainText.ts';
import type { PhaseProgress } from './progress.ts';
import { failureLines, row, sentence, stateOf, type Row, type View } from './row.ts';
import { counted, grouped, seconds } from './words.ts';

const ANSWERS_SHOWN = 2;

/** Names of a few hosts, the number of many with the first of them. */
const hostsText = (hosts: readonly string[]): string =>
  hosts.length <= 3 ? hosts.join(', ') : `${counted(hosts.length, 'host')}, ${hosts[0] ?? ''} first`;

/** `no leader (cp-2, cp-3)`: what a gate waits for, hosts with the same answer together. */
function answerLines(answers: Readonly<Record<string, string>>): string[] {
  const groups = [...grouped(Object.entries(answers))];
  const shown = groups.slice(0, ANSWERS_SHOWN).map(([answer, hosts]) => `${plainLine(answer)} (${hostsText(hosts)})`);
  const more = groups.length - shown.length;
  return [...shown, ...(more > 0 ? [counted(more, 'other answer')] : [])];
}

/** The same in one line. */
export const answersText = (answers: Readonly<Record<string, string>>): string => answerLines(answers).join(', ');

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

function gateText({ gate, state }: PhaseProgress): string | undefined {
  if (gate === undefined) return undefined;
  if (state === 'waiting') return 'waits for its gate';
  if (state === 'failed') return 'gate failed';
  return gate.endedAt === undefined ? undefined : `gate ${seconds(gate.endedAt - gate.since)}`;
}

/** What keeps the gate from passing, below the row: it is the longest and the most wanted of all texts. */
const gateLines = ({ gate, state }: PhaseProgress): string[] =>
  gate === undefined || state === 'done' || state === 'applying' ? [] : answerLines(gate.answers);

/** Hosts by what they are at, those that are waited for first; failed ones have lines of their own. */
function hostLines(phase: PhaseProgress, view: View): string[] {
  if (phase.expectedHosts > view.hostsListed) return [];
  const groups = grouped([...phase.hosts].map(([host, { state }]) => [host, state] as const));
  return (['applying', 'applied'] as const).flatMap((state) => {
    const hosts = groups.get(state);
    return hosts === undefined ? [] : [`${state} ${hosts.join(', ')}`];
  });
}

/** A phase: how many hosts it has done, who is worked on, what its gate waits for, who failed. */
export function phaseRow(phase: PhaseProgress, view: View): Row {
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
      ...gateLines(phase),
      ...failureLines(phase.failedHosts, view),
    ],
  });
}

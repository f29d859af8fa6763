import { PHASE_TABLE } from '../catalog/phases.ts';
import type { PhaseName } from '../model/phase.ts';
import { lengthOf, type Spans, type WaveSpan } from './spans.ts';

/** A link of the chain that nothing could have shortened but itself. */
export interface Link {
  name: string;
  milliseconds: number;
}

/** Pauses that are worth a link of their own: making the plan, taking the lock, waiting for an answer. */
const GAP_MILLISECONDS = 50;

/** Phases that had to pass before a phase, all the way up: what a run leaves out passes its own needs on. */
function needsOf(phase: PhaseName): Set<PhaseName> {
  const needs = new Set<PhaseName>();
  const visit = (name: PhaseName): void => {
    for (const before of PHASE_TABLE.find((row) => row.name === name)?.after ?? []) {
      if (needs.has(before)) continue;
      needs.add(before);
      visit(before);
    }
  };
  visit(phase);
  return needs;
}

/** The wave that a wave had to wait for: the last to end of those that it needs. */
function waitedFor(wave: WaveSpan, waves: readonly WaveSpan[]): WaveSpan | undefined {
  const needs = needsOf(wave.phase).add(wave.phase);
  const before = waves.filter((other) => other !== wave && needs.has(other.phase) && other.end <= wave.start);
  return before.reduce<WaveSpan | undefined>(
    (last, other) => (last === undefined || other.end >= last.end ? other : last),
    undefined,
  );
}

/** Turns of the same phase in a row are one link. */
function joined(links: readonly Link[]): Link[] {
  const result: Link[] = [];
  for (const link of links) {
    const last = result.at(-1);
    if (last?.name === link.name) last.milliseconds += link.milliseconds;
    else result.push({ ...link });
  }
  return result;
}

/**
 * The chain of waves that the length of the run comes from, from the wave that ended last back to the beginning, with
 * the pauses between them.
 */
export function criticalPath({ start, observe, waves }: Spans): Link[] {
  const chain: WaveSpan[] = [];
  let current = waves.reduce<WaveSpan | undefined>(
    (last, wave) => (last === undefined || wave.end > last.end ? wave : last),
    undefined,
  );
  while (current !== undefined) {
    chain.unshift(current);
    current = waitedFor(current, waves);
  }
  const links: Link[] = observe === undefined ? [] : [{ name: 'observe', milliseconds: lengthOf(observe) }];
  let until = observe?.end ?? start;
  for (const wave of chain) {
    const gap = wave.start - until;
    if (gap >= GAP_MILLISECONDS) links.push({ name: '(pause)', milliseconds: gap });
    links.push({ name: wave.phase, milliseconds: lengthOf(wave) });
    until = wave.end;
  }
  return joined(links);
}

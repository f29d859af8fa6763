import type { Output } from '../model/ports.ts';
import { valuesOf } from './answer.ts';

export interface ApplyFailure {
  /** Id of the step; `setup` or `owned` before the first. */
  step: string;
  /** `drift`: not as planned, nothing was changed by this step; `stale`: a later run took over. */
  reason: 'drift' | 'stale' | 'failed';
  /** Exit code of the script. */
  code: number;
  /** What the tools said, its end. Terminal escapes are still in it. */
  message: string;
  /** Last journal lines of a unit that did not start. */
  journal?: string[];
}

export interface ApplyResult {
  /** Steps that were finished, in order. */
  done: string[];
  failed?: ApplyFailure;
  /** True when the end of the answer is missing: what happened after the last step that is done is not known. */
  truncated: boolean;
}

const MESSAGE_CHARACTERS = 2000;

const REASONS = ['drift', 'stale', 'failed'] as const;
const reasonOf = (word: string): ApplyFailure['reason'] => REASONS.find((reason) => reason === word) ?? 'failed';

/** What an apply did. Never throws: an answer that is cut off is `truncated`. */
export function parseApply({ stdout, stderr, exitCode }: Output): ApplyResult {
  const lines = stdout.split('\n').slice(0, -1);
  const done = valuesOf(lines, 'done');
  const truncated = lines.at(-1) !== '%end';
  const [word = '', ...step] = (valuesOf(lines, 'fail')[0] ?? '').split(' ');
  if (word === '') {
    const isOver = !truncated && exitCode !== 0;
    return isOver ? { done, truncated: true } : { done, truncated };
  }
  const journal = valuesOf(lines, 'journal');
  const message = stderr.trim().slice(-MESSAGE_CHARACTERS) || `ended with ${exitCode}`;
  const failed = { step: step.join(' '), reason: reasonOf(word), code: exitCode, message };
  return { done, truncated, failed: journal.length === 0 ? failed : { ...failed, journal } };
}

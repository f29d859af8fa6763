import { PHASES, type PhaseName } from '../model/phase.ts';
import { phaseRow } from './phaseRow.ts';
import type { ObserveProgress, Progress } from './progress.ts';
import { failureLines, row, sentence, stateOf, type Row, type View } from './row.ts';
import type { UploadProgress } from './uploadProgress.ts';
import { counted, rate, seconds, size } from './words.ts';

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

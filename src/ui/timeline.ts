import type { Event } from '../model/event.ts';
import { PHASES } from '../model/phase.ts';
import { criticalPath } from './criticalPath.ts';
import { coveredMilliseconds, lengthOf, spansOf, type Span, type Spans } from './spans.ts';
import { size, rate, seconds } from './words.ts';

const COLUMNS = 100;
const LABEL_COLUMNS = 14;
const BAR_COLUMNS = 57;
const SECONDS_COLUMNS = 10;
const APPLYING = '=';
const WAITING = '.';
const SENDING = '~';
const FAILED = 'x';

interface Part {
  start: number;
  end: number;
  sign: string;
}
interface Bar {
  label: string;
  parts: Part[];
  milliseconds: number;
  outcome: Span['outcome'];
}

const exact = (milliseconds: number): string => seconds(milliseconds, 2);

/** The worst of several outcomes. */
const outcomeOf = (spans: readonly Span[]): Span['outcome'] =>
  (['failed', 'unfinished'] as const).find((outcome) => spans.some((span) => span.outcome === outcome)) ?? 'done';

const barOf = (label: string, spans: readonly Span[], parts: Part[]): Bar => ({
  label,
  parts,
  milliseconds: coveredMilliseconds(spans),
  outcome: outcomeOf(spans),
});

/** One bar a phase, in the order of their beginning; those that begin together as the plan has them. */
function phaseBars({ waves }: Spans): Bar[] {
  const firstStart = ({ parts }: Bar): number => parts[0]?.start ?? 0;
  const all = PHASES.flatMap((phase) => {
    const own = waves.filter((wave) => wave.phase === phase);
    const parts = own.flatMap(({ start, appliedAt, end }) => [
      { start, end: appliedAt, sign: APPLYING },
      ...(end > appliedAt ? [{ start: appliedAt, end, sign: WAITING }] : []),
    ]);
    return own.length === 0 ? [] : [barOf(phase, own, parts)];
  });
  return all.sort((a, b) => firstStart(a) - firstStart(b));
}

function bars(spans: Spans): Bar[] {
  const { observe, uploads } = spans;
  const sending = uploads.map(({ start, end }) => ({ start, end, sign: SENDING }));
  return [
    ...(observe === undefined ? [] : [barOf('observe', [observe], [{ ...observe, sign: APPLYING }])]),
    ...(uploads.length === 0 ? [] : [barOf('uploads', uploads, sending)]),
    ...phaseBars(spans),
  ];
}

/** Signs over the columns of the run; every part has at least one. */
function drawn(bar: Bar, { start, end }: Spans): string {
  const column = (at: number): number => ((at - start) / Math.max(1, end - start)) * BAR_COLUMNS;
  const cells = Array<string>(BAR_COLUMNS).fill(' ');
  let last = 0;
  for (const part of bar.parts) {
    const first = Math.min(BAR_COLUMNS - 1, Math.floor(column(part.start)));
    last = Math.max(first + 1, Math.round(column(part.end)));
    cells.fill(part.sign, first, last);
  }
  if (bar.outcome === 'failed') cells[Math.min(last, BAR_COLUMNS) - 1] = FAILED;
  return cells.join('');
}

function barLine(bar: Bar, spans: Spans, slowest: Bar | undefined): string {
  const marks = [
    bar === slowest ? 'slowest' : '',
    bar.outcome === 'failed' ? 'failed' : bar.outcome === 'unfinished' ? 'no end' : '',
  ].filter((mark) => mark !== '');
  const mark = marks.length === 0 ? '' : ` < ${marks.join(', ')}`;
  return `${bar.label.padEnd(LABEL_COLUMNS)}${drawn(bar, spans)}${exact(bar.milliseconds).padStart(SECONDS_COLUMNS)}${mark}`.trimEnd();
}

const longest = <T>(all: readonly T[], length: (one: T) => number): T | undefined =>
  all.reduce<T | undefined>((best, one) => (best === undefined || length(one) > length(best) ? one : best), undefined);

/** The slowest phase, host and upload. */
function slowestLines({ applies, uploads }: Spans, slowest: Bar | undefined): string[] {
  const apply = longest(applies, lengthOf);
  const upload = longest(uploads, lengthOf);
  const lines: string[] = [];
  if (slowest !== undefined) {
    const applying = coveredMilliseconds(slowest.parts.filter((part) => part.sign === APPLYING));
    const gate = slowest.milliseconds - applying;
    const parts = gate > 0 ? ` (applying ${exact(applying)}, gate ${exact(gate)})` : '';
    lines.push(`slowest phase   ${slowest.label}: ${exact(slowest.milliseconds)}${parts}`);
  }
  if (apply !== undefined)
    lines.push(`slowest host    ${apply.host}: ${exact(lengthOf(apply))} applying ${apply.phase}`);
  if (upload !== undefined) {
    const speed = rate(upload.compressedBytes, lengthOf(upload));
    lines.push(
      `slowest upload  ${upload.artifact} to ${upload.host}: ${exact(lengthOf(upload))} for ${size(upload.compressedBytes)}${speed === undefined ? '' : `, ${speed}`}`,
    );
  }
  return lines;
}

/** Words in lines of at most 100 columns. */
function wrapped(label: string, words: readonly string[]): string[] {
  const lines: string[] = [];
  let line = label;
  for (const word of words) {
    if (line.length + 1 + word.length > COLUMNS) {
      lines.push(line);
      line = ' '.repeat(label.length);
    }
    line = `${line} ${word}`;
  }
  return [...lines, line];
}

function pathLines(spans: Spans): string[] {
  const links = criticalPath(spans);
  if (links.length === 0) return [];
  const words = links.map(
    ({ name, milliseconds }, index) => `${index === 0 ? '' : '> '}${name} ${exact(milliseconds)}`,
  );
  return wrapped('critical path  ', words);
}

/**
 * The run as a bar chart in text, at most 100 columns wide: `=` applying, `.` waiting for the gate, `~` sending, `x` where
 * it failed; then the slowest phase, host and upload, the chain that the length comes from, and the total. Pure.
 */
export function timelineLines(events: readonly Event[]): string[] {
  if (events.length === 0) return [];
  const spans = spansOf(events);
  const all = bars(spans);
  const total = exact(lengthOf(spans));
  const slowest = longest(
    all.filter((bar) => bar.label !== 'uploads'),
    (bar) => bar.milliseconds,
  );
  const scale = `${' '.repeat(LABEL_COLUMNS)}0${total.padStart(BAR_COLUMNS - 1)}`;
  return [
    ...(all.length === 0 ? [] : [scale]),
    ...all.map((bar) => barLine(bar, spans, slowest)),
    ...slowestLines(spans, slowest).map((line) => (line.length <= COLUMNS ? line : `${line.slice(0, COLUMNS - 1)}…`)),
    ...pathLines(spans),
    `total           ${total}`,
  ];
}

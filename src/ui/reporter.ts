import type { Emit, Event } from '../model/event.ts';
import { jsonLine } from './jsonLine.ts';
import { Live } from './live.ts';
import { Plain } from './plain.ts';
import { plainText } from '../model/plainText.ts';
import { Warnings } from './warnings.ts';

/** Shows a run: takes its events, prints lines beside them. */
export interface Reporter {
  emit: Emit;
  /** A line for people. Beside a live screen it appears above it. */
  print(line: string): void;
  /** Brings the screen to rest; what is printed afterwards is still shown. */
  close(): Promise<void>;
  /** Somebody is there to answer a question. */
  readonly isInteractive: boolean;
}

export interface ReporterOptions {
  json: boolean;
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
  stdin?: NodeJS.ReadStream;
  env?: Readonly<Record<string, string | undefined>>;
  /** Milliseconds since the epoch, for the clocks on the screen. */
  now?: () => number;
}

type Write = (text: string) => void;

/** A reader that went away (`| head`) must not end a run that changes a cluster. */
function writerTo(stream: NodeJS.WriteStream): Write {
  let isGone = false;
  stream.on('error', () => {
    isGone = true;
  });
  return (text) => {
    if (isGone) return;
    try {
      stream.write(text);
    } catch {
      isGone = true;
    }
  };
}

const isTerminal = (stream: { isTTY?: boolean }): boolean => stream.isTTY === true;
const isSet = (value: string | undefined): boolean =>
  value !== undefined && value !== '' && value !== 'false' && value !== '0';

const linesOf = (text: string): string[] => plainText(text).split('\n');

function liveReporter(options: ReporterOptions, write: Write): Omit<Reporter, 'isInteractive'> {
  const plain = new Plain();
  const warnings = new Warnings();
  let isBroken = false;
  const live = new Live({
    stream: options.stdout,
    write,
    now: options.now ?? Date.now,
    onBroken: (error) => {
      isBroken = true;
      write(`The live display failed (${plainText(String(error))}); the run goes on.\n`);
    },
  });
  const follow = (event: Event): void => {
    const lines = plain.linesOf(event);
    if (isBroken) for (const line of lines) write(`${line}\n`);
    else live.take(event);
  };
  const warn = (event: Event): void => {
    const line = event.type === 'warning' ? warnings.lineOf(event.message, event.host) : undefined;
    const lines = event.type === 'finished' ? warnings.rest() : line === undefined ? [] : [line];
    if (!isBroken && lines.length > 0) live.print(lines);
  };
  return {
    emit: (event) => {
      warn(event);
      follow(event);
    },
    print: (line) => live.print(linesOf(line)),
    close: () => live.close(),
  };
}

function lineReporter(
  tell: (event: Event) => readonly string[],
  writes: { events: Write; people: Write },
): Omit<Reporter, 'isInteractive'> {
  return {
    emit: (event) => {
      for (const line of tell(event)) writes.events(`${line}\n`);
    },
    print: (line) => writes.people(`${linesOf(line).join('\n')}\n`),
    close: () => Promise.resolve(),
  };
}

function chosenReporter(
  options: ReporterOptions,
  env: NonNullable<ReporterOptions['env']>,
): Omit<Reporter, 'isInteractive'> {
  const out = writerTo(options.stdout);
  if (options.json)
    return lineReporter((event) => [jsonLine(event)], { events: out, people: writerTo(options.stderr) });
  const isScreen = isTerminal(options.stdout) && !isSet(env['CI']) && env['TERM'] !== 'dumb';
  if (isScreen) return liveReporter(options, out);
  const plain = new Plain();
  return lineReporter((event) => plain.linesOf(event), { events: out, people: out });
}

/**
 * How a run is shown: JSON lines with `json` (then everything for people goes to standard error), a live screen on a
 * terminal, plain lines otherwise. Nothing that goes wrong in showing is thrown.
 */
export function createReporter(options: ReporterOptions): Reporter {
  const { json, stdout, stderr, stdin = process.stdin, env = process.env } = options;
  const chosen = chosenReporter(options, env);
  const guarded = <T extends unknown[]>(work: (...input: T) => void): ((...input: T) => void) => {
    return (...input) => {
      try {
        work(...input);
      } catch {
        // Nothing that is shown is worth a run.
      }
    };
  };
  return {
    emit: guarded(chosen.emit),
    print: guarded((line: string) => chosen.print(line)),
    close: () => chosen.close().catch(() => undefined),
    isInteractive: !json && !isSet(env['CI']) && isTerminal(stdin) && (isTerminal(stdout) || isTerminal(stderr)),
  };
}

import { shellQuote } from './quote.ts';

/** How a command becomes root; `sudo-password` answers sudo's prompt through standard input. */
export type BecomeMethod = 'none' | 'sudo' | 'sudo-password';

export interface BecomeRequest {
  method: BecomeMethod;
  /** POSIX sh. Never a secret: it is visible in the host's process list. */
  script: string;
  /** Random word. With it the command announces its start on standard error; sudo needs it. */
  marker?: string;
}

const promptOf = (marker: string): string => `${marker}-password`;
const startOf = (marker: string): string => `${marker}-start`;

const PREFIXES: Record<BecomeMethod, (marker: string) => string> = {
  none: () => '',
  sudo: () => 'sudo -n -H -- ',
  // -S reads the password from standard input, byte by byte: sudo takes one line and leaves the rest to the command.
  'sudo-password': (marker) => `sudo -S -H -p ${shellQuote(promptOf(marker))} -- `,
};

/**
 * The command line for a login shell: `sh -c '<script>'`, behind sudo where that is asked for. With a marker the script
 * first writes the start line to standard error, so that what happens before it (sudo refusing) is never taken for
 * the script's own doing.
 */
export function becomeCommand({ method, script, marker }: BecomeRequest): string {
  if (method !== 'none' && marker === undefined) throw new Error(`${method} needs a marker.`);
  const announced = marker === undefined ? script : `echo ${shellQuote(startOf(marker))} >&2\n${script}`;
  return `${PREFIXES[method](marker ?? '')}sh -c ${shellQuote(announced)}`;
}

/** sudo's own words are short; more than this before the start is noise. */
const PREAMBLE_BYTES = 64 * 1024;
const NOTHING = Buffer.alloc(0);

/** Reads the standard error of a becomeCommand with a marker: counts password prompts, finds the start, strips both. */
export class StartWatch {
  readonly #prompt: Buffer;
  readonly #start: Buffer;
  #before: Buffer = NOTHING;
  #prompts = 0;
  #hasStarted = false;

  constructor(marker: string) {
    this.#prompt = Buffer.from(promptOf(marker));
    this.#start = Buffer.from(`${startOf(marker)}\n`);
  }

  /** True once the script itself runs. */
  get hasStarted(): boolean {
    return this.#hasStarted;
  }

  /** How often a password was asked for. The second time means that the first one was wrong. */
  get prompts(): number {
    return this.#prompts;
  }

  /** What was written before the start, without the prompts: sudo's lecture, or why it refused. */
  get preamble(): string {
    return this.#before.toString('utf8').replaceAll(this.#prompt.toString(), '');
  }

  /** Takes the next bytes of standard error and returns those of the command itself. */
  feed(chunk: Buffer): Buffer {
    if (this.#hasStarted) return chunk;
    const seen = Buffer.concat([this.#before, chunk]);
    const at = seen.indexOf(this.#start);
    this.#hasStarted = at >= 0;
    this.#before = at >= 0 ? seen.subarray(0, at) : seen.subarray(Math.max(0, seen.length - PREAMBLE_BYTES));
    this.#prompts = Math.max(this.#prompts, occurrences(this.#before, this.#prompt));
    return at >= 0 ? seen.subarray(at + this.#start.length) : NOTHING;
  }
}

function occurrences(bytes: Buffer, word: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(word); at >= 0; at = bytes.indexOf(word, at + word.length)) count += 1;
  return count;
}

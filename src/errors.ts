/**
 * Expected failures and the exit code of each family. Anything that is not a KbinError is a bug and says so.
 */

/** Exit codes by family; documented in docs/exit-codes.md, which a test compares with this table. */
export const EXIT_CODES = {
  USAGE: 2,
  INVENTORY: 3,
  PENDING: 4,
  CACHE: 5,
  PKI: 6,
  CONNECT: 10,
  HOST_KEY: 11,
  AUTH: 12,
  RESOLVE: 13,
  PREFLIGHT: 20,
  REFUSED: 21,
  LOCKED: 22,
  DRIFT: 23,
  STALE: 24,
  STEP: 30,
  GATE: 31,
  HOSTS: 32,
  TIMEOUT: 33,
  EXPIRING: 40,
  DISAGREE: 41,
  INTERRUPTED: 130,
  BUG: 70,
} as const;

export type ErrorCode = keyof typeof EXIT_CODES;

export interface ErrorDetail {
  /** What the reader should do next, one sentence. */
  hint?: string;
  host?: string;
  step?: string;
  /** Further lines shown under the message: journal lines, last answers, the other faults. */
  evidence?: readonly string[];
  cause?: unknown;
}

/** A failure that kbin foresaw. `message` says what and where; `hint` what to do. */
export class KbinError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly host: string | undefined;
  readonly step: string | undefined;
  readonly evidence: readonly string[];

  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
    super(message, { cause: detail.cause });
    this.name = 'KbinError';
    this.code = code;
    this.hint = detail.hint;
    this.host = detail.host;
    this.step = detail.step;
    this.evidence = detail.evidence ?? [];
  }

  get exitCode(): number {
    return EXIT_CODES[this.code];
  }
}

/** The connection broke. `sent` false: the command never left, repeat it; true: nobody knows whether it ran, observe. */
export class ConnectionLost extends KbinError {
  readonly sent: boolean;

  constructor(message: string, sent: boolean, detail: ErrorDetail = {}) {
    super('CONNECT', message, detail);
    this.name = 'ConnectionLost';
    this.sent = sent;
  }
}

/** Exit code of any thrown value. */
export function exitCodeOf(error: unknown): number {
  return error instanceof KbinError ? error.exitCode : EXIT_CODES.BUG;
}

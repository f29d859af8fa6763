import { EXIT_CODES, KbinError } from '../errors.ts';
import { plainText } from '../model/plainText.ts';

const EVIDENCE_LINES = 60;
/** Longer lines are dumps; their beginning tells what they are. */
const LINE_CHARACTERS = 1000;

const shortened = (line: string): string =>
  line.length <= LINE_CHARACTERS
    ? line
    : `${line.slice(0, LINE_CHARACTERS)}… (${line.length - LINE_CHARACTERS} more characters)`;

const linesOf = (text: string): string[] => plainText(text).split('\n').map(shortened);
const indented = (line: string): string => (line === '' ? '' : `  ${line}`);
const sentence = (text: string): string => (/[.!?:;…]$/.test(text) ? text : `${text}.`);

function evidenceLines(evidence: readonly string[]): string[] {
  const lines = evidence.flatMap(linesOf);
  const missing = lines.length - EVIDENCE_LINES;
  return [...lines.slice(0, EVIDENCE_LINES), ...(missing > 0 ? [`… ${missing} more lines`] : [])].map(indented);
}

function foreseenLines(error: KbinError): string[] {
  const { code, host, hint, message, evidence } = error;
  const where = host === undefined || message.includes(host) ? '' : `${host}: `;
  const [first = '', ...rest] = linesOf(`${where}${message}`.trimEnd());
  return [
    `${code} ${sentence(first)}`,
    ...evidenceLines([...rest, ...evidence]),
    ...(hint === undefined ? [] : linesOf(hint)),
  ];
}

/** Causes may point at each other. */
const CAUSES = 5;

/** A stack, then the causes as far as they are errors. Their other fields may hold anything, so they are not shown. */
function stackOf(error: Error, causes = CAUSES): string[] {
  const own = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  const { cause } = error;
  const deeper =
    cause instanceof Error && causes > 0
      ? [`caused by ${cause.name}: ${cause.message}`, ...stackOf(cause, causes - 1)]
      : [];
  return [...own.map((line) => line.trim()), ...deeper];
}

function bugLines(error: unknown): string[] {
  const isError = error instanceof Error;
  const [first = '', ...rest] = linesOf(isError ? `${error.name}: ${error.message}` : String(error));
  return [
    `BUG ${sentence(first)}`,
    ...evidenceLines([...rest, ...(isError ? stackOf(error) : [])]),
    `This is a fault of kbin itself (exit code ${EXIT_CODES.BUG}). Please report these lines with the output of kbin --version.`,
  ];
}

/**
 * A failure as lines for standard error: `CODE message.`, evidence indented, then what to do. Anything that kbin did not
 * foresee is a BUG with its stack. Free of control characters.
 */
export const errorLines = (error: unknown): string[] =>
  error instanceof KbinError ? foreseenLines(error) : bugLines(error);

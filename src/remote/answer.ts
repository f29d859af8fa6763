import { KbinError } from '../errors.ts';

/** Fails with what was expected and what came; a script's answer is never guessed at. */
export function malformed(expected: string, got: string | undefined): never {
  const shown = got === undefined ? 'nothing' : JSON.stringify(got.slice(0, 200));
  throw new KbinError('STEP', `the host's answer is malformed: expected ${expected}, got ${shown}`, {
    hint: 'Look at what the shell start-up files of that host print and at the evidence, then run the command again.',
  });
}

/** Lines of an answer by section. */
export type Sections = ReadonlyMap<string, readonly string[]>;

const SECTION = /^%([a-z]+)$/;
const END = /^%end( .*)?$/;

/**
 * Splits an answer that starts with the line `first` into its sections; what comes before any section name is the
 * section ''. Lines ahead of `first` are ignored: start-up files of shells print things. Throws STEP when `first` or
 * the end marker is missing, or when a section comes twice.
 */
export function readSections(stdout: string, first: string): { sections: Sections; end: string } {
  const lines = stdout.split('\n');
  const start = lines.indexOf(first);
  if (start < 0) malformed(`a line ${first}`, lines[0]);
  const end = lines.at(-2);
  // The last line is empty: the end marker itself must be whole.
  if (lines.at(-1) !== '' || end === undefined || !END.test(end))
    malformed('the line %end at the end', lines.at(-1) || end);
  const sections = new Map<string, string[]>([['', []]]);
  let current = '';
  for (const line of lines.slice(start + 1, -2)) {
    const name = SECTION.exec(line)?.[1];
    if (name === undefined) {
      sections.get(current)?.push(line);
      continue;
    }
    if (sections.has(name)) malformed(`the section ${name} once`, line);
    sections.set(name, []);
    current = name;
  }
  return { sections, end };
}

/** Lines of a section that must be there. Throws STEP. */
export const linesOf = (sections: Sections, name: string): readonly string[] =>
  sections.get(name) ?? malformed(`a section ${name}`, undefined);

/** What follows `word ` on each line that starts so. */
export const valuesOf = (lines: readonly string[], word: string): string[] =>
  lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));

/** A whole number of zero or more. Throws STEP for anything else. */
export const count = (text: string | undefined, what: string): number =>
  text !== undefined && /^\d+$/.test(text) ? Number(text) : malformed(`a number (${what})`, text);

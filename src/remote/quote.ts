import { KbinError } from '../errors.ts';

/**
 * One word for a POSIX shell that means exactly `text`: in single quotes, the only quoting in which nothing is special.
 * Throws REFUSED for a NUL byte, which no argument can hold.
 */
export function shellQuote(text: string): string {
  if (text.includes('\0')) {
    throw new KbinError('REFUSED', `${JSON.stringify(text)} holds a NUL byte, which cannot be handed to a shell`);
  }
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The words of a command, each quoted, with a space between. */
export const shellWords = (argv: readonly string[]): string => argv.map(shellQuote).join(' ');

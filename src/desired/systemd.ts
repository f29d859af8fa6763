import { KbinError } from '../errors.ts';

/** Source of all rules here: systemd.syntax(7), systemd.service(5) "Command lines", systemd.exec(5) "Environment". */

const CONTROL = /[\u0000-\u001f\u007f]/;

function refuseControlCharacters(text: string, what: string): void {
  if (!CONTROL.test(text)) return;
  throw new KbinError('INVENTORY', `${what} holds a line break or another control character: ${JSON.stringify(text)}`, {
    hint: 'A unit file cannot hold it; put the text into a file and name that file.',
  });
}

const quoted = (escaped: string): string => `"${escaped.replaceAll('"', String.raw`\"`)}"`;

/** Backslashes start escapes and `%` starts a specifier, inside and outside of quotes. */
const escaped = (text: string): string => text.replaceAll('\\', String.raw`\\`).replaceAll('%', '%%');

const PLAIN = /^[\w@+=:,./[\]-]+$/;

/**
 * One word of ExecStart=, so that the program gets exactly `word`.
 * @throws KbinError INVENTORY for control characters.
 */
export function execWord(word: string): string {
  refuseControlCharacters(word, 'an argument');
  if (PLAIN.test(word)) return word;
  // `$` starts a variable in command lines, also inside quotes.
  return quoted(escaped(word).replaceAll('$', () => '$$'));
}

/** Value of ExecStart=: one word a line, so that a diff reads well. */
export const execLines = (words: readonly string[]): string => words.map(execWord).join(' \\\n  ');

const ENVIRONMENT_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

function checkName(name: string): void {
  if (ENVIRONMENT_NAME.test(name)) return;
  throw new KbinError('INVENTORY', `"${name}" is no name of an environment variable`, {
    hint: 'Use letters, digits and underscores, not starting with a digit.',
  });
}

/** `Environment="NAME=value"`; `$` has no meaning there. */
export function environmentLine(name: string, value: string): string {
  checkName(name);
  refuseControlCharacters(value, `environment variable ${name}`);
  return `Environment=${quoted(escaped(`${name}=${value}`))}`;
}

/** `NAME="value"` of an EnvironmentFile=: shell-like quotes, no specifiers. */
export function environmentFileLine(name: string, value: string): string {
  checkName(name);
  refuseControlCharacters(value, `environment variable ${name}`);
  return `${name}="${value.replaceAll(/["\\$`]/g, String.raw`\$&`)}"`;
}

/**
 * `Directive=value` of [Service], such as MemoryMax=1G. The value stays as it is: CPUQuota=20% and MemoryMax=50% are no
 * specifiers and would be refused when doubled.
 */
export function directiveLine(directive: string, value: string): string {
  refuseControlCharacters(value, `resources.${directive}`);
  if (!/^[A-Z][A-Za-z]+$/.test(directive) || value.endsWith('\\')) {
    throw new KbinError('INVENTORY', `resources: "${directive}=${value}" is no directive of a systemd service`, {
      hint: 'Write a name of systemd.resource-control(5) and its value, such as MemoryMax: 1G.',
    });
  }
  return `${directive}=${value}`;
}

/**
 * Commands of a terminal (ECMA-48): those that carry a string, CSI sequences, other short escapes. A string ends with its
 * line at the latest: one that is never closed must not hide the lines after it.
 */
const ESCAPES =
  /(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?|\x1b[ -/]*[0-~]?/g;
/** C0 but tab and newline, DEL, C1, and the marks that reorder text (Unicode bidi), which can make a line lie. */
const CONTROLS = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/**
 * Text that steers no terminal: escape sequences, control characters and bidi marks are gone, tabs and newlines stay,
 * carriage returns become newlines, so that nothing is written over.
 */
export const plainText = (text: string): string =>
  text
    .replace(/\r+\n?/g, '\n')
    .replace(ESCAPES, '')
    .replace(CONTROLS, '');

/** The same in one line. */
export const plainLine = (text: string): string =>
  plainText(text)
    .replaceAll('\t', ' ')
    .split('\n')
    .map((line) => line.trim())
    .join(' ')
    .trim();

/** What a host or a server said, safe to show. Longer than `limit` characters it is cut, saying how many are missing. */
export function printable(text: string, limit = 4096): string {
  const plain = plainText(text);
  if (plain.length <= limit) return plain;
  const head = plain.slice(0, limit).replace(/[\ud800-\udbff]$/, '');
  return `${head}… (${plain.length - head.length} more characters)`;
}

/** Commands of a terminal (ECMA-48): those that carry a string, CSI sequences, other short escapes. */
const ESCAPES =
  /(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?|\x1b[ -/]*[0-~]?/g;
/** Control characters but tab and newline, and the marks that reorder text. */
const CONTROLS = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/**
 * Text that steers no terminal. The last net before the screen: what hosts say is filtered where it is read (remote),
 * but messages of libraries and of this machine come here unfiltered. Tabs and newlines stay.
 */
export const plainText = (text: string): string =>
  text
    .replace(ESCAPES, '')
    .replace(/\r+\n?/g, '\n')
    .replace(CONTROLS, '');

/** The same in one line. */
export const plainLine = (text: string): string =>
  plainText(text)
    .replaceAll('\t', ' ')
    .split('\n')
    .map((line) => line.trim())
    .join(' ')
    .trim();

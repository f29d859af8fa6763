/** Escape sequences that steer a terminal (ECMA-48): commands with a string, CSI, then every other short escape. */
const STRING_SEQUENCE = /(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)?/g;
const CONTROL_SEQUENCE = /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?/g;
const SHORT_ESCAPE = /\x1b[ -/]*[0-~]?/g;
/** C0 but tab and newline, DEL, C1, and the marks that reorder text (Unicode bidi), which can make a log line lie. */
const CONTROLS = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/**
 * What a host said, safe to show: escape sequences, control characters and bidi marks are gone, tabs and newlines
 * stay, carriage returns become newlines. Longer than `limit` characters it is cut, saying how many are missing.
 */
export function printable(text: string, limit = 4096): string {
  const plain = text
    .replace(STRING_SEQUENCE, '')
    .replace(CONTROL_SEQUENCE, '')
    .replace(SHORT_ESCAPE, '')
    .replace(/\r+\n?/g, '\n')
    .replace(CONTROLS, '');
  if (plain.length <= limit) return plain;
  const head = plain.slice(0, limit).replace(/[\ud800-\udbff]$/, '');
  return `${head}… (${plain.length - head.length} more characters)`;
}

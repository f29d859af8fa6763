/** Something wrong at one place of the file. `message` says what is wrong, `fix` what to write; both are sentences. */
export interface Fault {
  /** Both from 1. */
  line: number;
  column: number;
  /** Such as `hosts[2].address`; empty for the whole file. */
  path: string;
  message: string;
  fix: string;
}

export type Path = readonly (string | number)[];

/** A fault before its line is known. */
export interface Complaint {
  path: Path;
  /** Whether the key itself or its value is at fault. */
  at: 'key' | 'value';
  message: string;
  fix: string;
}

export const complaint = (path: Path, message: string, fix: string): Complaint => ({ path, at: 'value', message, fix });

export const keyComplaint = (path: Path, message: string, fix: string): Complaint => ({
  path,
  at: 'key',
  message,
  fix,
});

// Control characters and those that reorder or hide text would let an inventory forge lines on the terminal.
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]/gu;
const LONGEST = 60;

/** Text in quotes, on one line, without control characters, shortened. */
export function quoted(text: string): string {
  const shown = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
  const escaped = shown.replace(/[\\"]/g, (sign) => `\\${sign}`);
  return `"${escaped.replace(INVISIBLE, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`;
}

/** A value from the file, for a message. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (Array.isArray(value)) return 'A list';
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : 'A mapping';
}

/** `hosts[2].address`; keys that are not plain words stand in brackets and quotes. */
export function describePath(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    if (!/^[A-Za-z0-9_-]+$/.test(step)) return `${text}[${quoted(step)}]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');
}

/** `prod.yaml:12:5 hosts[2].address: "10.0.0" is not an IPv4 address. Write four numbers, such as 10.0.0.12.` */
export function faultLine(file: string, { line, column, path, message, fix }: Fault): string {
  const where = path === '' ? '' : `${path}: `;
  return `${file}:${line}:${column} ${where}${message}${fix === '' ? '' : ` ${fix}`}`;
}

import { KbinError } from '../../errors.ts';

/** All that is wrong with the texts that were given, each as `FILE PATH: what is wrong. What to write.` */
export class Faults {
  readonly #lines: string[] = [];
  readonly #files = new Set<string>();

  add(where: Where, what: string): void {
    this.#files.add(where.file);
    this.#lines.push(`${where.file}${where.path === '' ? '' : ` ${where.path}`}: ${what}`);
  }

  /** Throws USAGE with every fault as a line of evidence; nothing when there is none. */
  throwIfAny(): void {
    const { length } = this.#lines;
    if (length === 0) return;
    const message = `${length} ${length === 1 ? 'fault' : 'faults'} in ${[...this.#files].join(' and ')}`;
    throw new KbinError('USAGE', message, {
      evidence: this.#lines,
      hint: 'Correct these places; docs/guide/requests.md describes both files. Nothing was written.',
    });
  }
}

/** A place in a file: `request.json`, `key.size`. */
export interface Where {
  file: string;
  path: string;
}

const LONGEST = 60;

/** A value from the file, on one line and without control characters, for a message. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return 'A list';
  if (typeof value === 'object' && value !== null) return 'An object';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

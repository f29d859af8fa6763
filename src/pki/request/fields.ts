import { goDuration } from './duration.ts';
import { Faults, shown, type Where } from './faults.ts';

/**
 * Typed access to one JSON object, as Go reads it: keys in any case, null as absent. What has the wrong type is a fault
 * and counts as absent; keys that nobody asked for are faults too (`finish`).
 */
export class Fields {
  readonly where: Where;
  /** False where there is something else; then everything in it is absent. */
  readonly isObject: boolean;
  readonly #faults: Faults;
  readonly #entries: readonly (readonly [string, unknown])[];
  /** As kbin writes them, by their lower case. */
  readonly #asked = new Map<string, string>();

  constructor(value: unknown, where: Where, faults: Faults) {
    this.where = where;
    this.#faults = faults;
    const object = typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
    if (object === undefined) faults.add(where, `${shown(value)} is not an object. Write { … }.`);
    this.isObject = object !== undefined;
    this.#entries = Object.entries(object ?? {});
  }

  /** A fault at a key of this object. */
  fault(key: string, what: string): void {
    this.#faults.add(this.#at(key), what);
  }

  has(key: string): boolean {
    return this.raw(key) !== undefined;
  }

  raw(key: string): unknown {
    this.#asked.set(key.toLowerCase(), key);
    return this.#entries.findLast(([name]) => name.toLowerCase() === key.toLowerCase())?.[1] ?? undefined;
  }

  text(key: string): string | undefined {
    const value = this.raw(key);
    if (value === undefined || value === '') return undefined;
    if (typeof value === 'string' && !/\p{Cc}/u.test(value)) return value;
    const isText = typeof value === 'string';
    this.fault(key, `${shown(value)} ${isText ? 'holds control characters' : 'is not text'}. Write text in quotes.`);
    return undefined;
  }

  /** A whole number between two limits. */
  integer(key: string, [least, most]: readonly [number, number]): number | undefined {
    const value = this.raw(key);
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
    this.fault(key, `${shown(value)} is not a whole number from ${least} to ${most}.`);
    return undefined;
  }

  flag(key: string): boolean {
    const value = this.raw(key) ?? false;
    if (typeof value !== 'boolean') this.fault(key, `${shown(value)} is neither true nor false.`);
    return value === true;
  }

  /** Texts of a list, in order; empty ones stand for faults. */
  texts(key: string): string[] | undefined {
    return this.#list(key)?.map((item, index) => {
      if (typeof item === 'string' && item !== '' && !/\p{Cc}/u.test(item)) return item;
      this.fault(
        `${key}[${index}]`,
        item === '' ? 'is empty. Write it or take it out.' : `${shown(item)} is not text.`,
      );
      return '';
    });
  }

  /** Milliseconds, none negative; undefined for absent and zero, which cfssl takes for absent. */
  duration(key: string): number | undefined {
    const written = this.text(key);
    if (written === undefined) return undefined;
    const milliseconds = goDuration(written);
    if (milliseconds === undefined) this.fault(key, `${shown(written)} is not a duration. ${inHours(written)}`);
    else if (milliseconds < 0) this.fault(key, `${shown(written)} is negative. Write a positive duration.`);
    return milliseconds !== undefined && milliseconds > 0 ? milliseconds : undefined;
  }

  /** Milliseconds since the epoch. */
  time(key: string): number | undefined {
    const written = this.text(key);
    if (written === undefined) return undefined;
    const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(written);
    const time = isTime ? Date.parse(written) : NaN;
    // Go's zero time stands for none.
    if (written === '0001-01-01T00:00:00Z') return undefined;
    if (!Number.isNaN(time)) return time;
    this.fault(key, `${shown(written)} is not a time. Write such as 2030-01-31T12:00:00Z.`);
    return undefined;
  }

  child(key: string): Fields | undefined {
    const value = this.raw(key);
    return value === undefined ? undefined : new Fields(value, this.#at(key), this.#faults);
  }

  children(key: string): Fields[] {
    return (this.#list(key) ?? []).map((item, index) => new Fields(item, this.#at(`${key}[${index}]`), this.#faults));
  }

  /** Its keys as they are written, for an object whose keys are free. */
  keys(): string[] {
    return this.#entries.map(([name]) => name);
  }

  /** Objects by such keys. */
  members(): (readonly [string, Fields])[] {
    return this.#entries.map(([name, value]) => [name, new Fields(value, this.#at(name), this.#faults)] as const);
  }

  /** Keys that are known and without meaning here. */
  ignore(...keys: readonly string[]): void {
    for (const key of keys) this.#asked.set(key.toLowerCase(), key);
  }

  /** Keys that kbin cannot do, unless their value asks for nothing. */
  refuse(keys: Readonly<Record<string, string>>): void {
    for (const [key, what] of Object.entries(keys)) {
      const value = this.raw(key);
      const isNothing = value === undefined || value === false || value === '' || value === 0;
      if (!isNothing && !(Array.isArray(value) && value.length === 0)) this.fault(key, `${what}.`);
    }
  }

  /** Every other key is a fault, and so is one that is there in two spellings. */
  finish(): void {
    const seen = new Set<string>();
    for (const [name] of this.#entries) {
      const folded = name.toLowerCase();
      if (!this.#asked.has(folded)) this.fault(name, `is no key that is known here. There are ${this.#known()}.`);
      else if (seen.has(folded)) this.fault(name, 'is there twice, in upper and lower case. Write it once.');
      seen.add(folded);
    }
  }

  #known(): string {
    return [...this.#asked.values()].join(', ');
  }

  #list(key: string): unknown[] | undefined {
    const value = this.raw(key);
    if (value === undefined || Array.isArray(value)) return value;
    this.fault(key, `${shown(value)} is not a list. Write [ … ].`);
    return undefined;
  }

  #at(key: string): Where {
    const { file, path } = this.where;
    return { file, path: path === '' ? key : `${path}.${key}` };
  }
}

const HOURS: Record<string, number> = { d: 24, w: 168, y: 8760 };

/** Cfssl's longest unit is the hour. */
function inHours(written: string): string {
  const [, number, unit = ''] = /^(\d+)(d|w|y)$/.exec(written) ?? [];
  const hours = HOURS[unit];
  return hours === undefined ? 'Write hours, such as 8760h.' : `Write ${Number(number) * hours}h.`;
}

/** The object in a JSON text. A text that is no JSON is a fault, and reads as no object. */
export function fieldsIn(text: string, file: string, faults: Faults): Fields {
  const where = { file, path: '' };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    faults.add(where, `is not JSON: ${(error as Error).message}`);
    // The fault is told once.
    return new Fields(undefined, where, new Faults());
  }
  return new Fields(value, where, faults);
}

/** A command line option, as data; src/cli.ts turns it into the parser's own form. */
export interface Option {
  type: 'string' | 'boolean' | 'number' | 'array';
  describe: string;
  alias?: string;
  default?: string | boolean | number;
  required?: boolean;
  choices?: readonly string[];
}

export type Arguments = Readonly<Record<string, unknown>>;

/** One command of kbin: its words, its options, and what it does. */
export interface Command {
  /** Words and positionals, such as `cache import <folder>`. */
  usage: string;
  describe: string;
  options: Readonly<Record<string, Option>>;
  /** Returns the exit code. Throws KbinError for everything foreseen. */
  run: (args: Arguments) => Promise<number>;
}

export const text = (args: Arguments, name: string): string | undefined => {
  const value = args[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
};
export const flag = (args: Arguments, name: string): boolean => args[name] === true;
export const number = (args: Arguments, name: string): number | undefined => {
  const value = args[name];
  return typeof value === 'number' && !Number.isNaN(value) ? value : undefined;
};
export const list = (args: Arguments, name: string): string[] => {
  const value = args[name];
  const values: unknown[] = Array.isArray(value) ? value : value === undefined ? [] : [value];
  return values.filter((item) => typeof item === 'string' || typeof item === 'number').map(String);
};

export const INVENTORY_OPTION: Record<string, Option> = {
  inventory: { type: 'string', alias: 'i', describe: 'inventory file', required: true },
};

export const FLEET_OPTIONS: Record<string, Option> = {
  parallel: { type: 'number', describe: 'hosts worked on at once', default: 50 },
  json: { type: 'boolean', describe: 'events as JSON lines on standard output', default: false },
};

export const LIMIT_OPTIONS: Record<string, Option> = {
  limit: { type: 'string', describe: 'only these hosts: names, globs, roles, pools, !not, @failed; comma-separated' },
  'max-fail': { type: 'number', describe: 'hosts that may fail before the run stops', default: 0 },
};

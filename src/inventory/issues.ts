import type { z } from 'zod';
import { complaint, type Complaint, type Path } from './fault.ts';
import { didYouMean } from './suggest.ts';

type Issue = z.core.$ZodIssue;

const pathOf = (issue: Issue): Path => issue.path.map((step) => (typeof step === 'number' ? step : String(step)));

/** Takes a message of schema/words.ts apart: what is wrong, and what to write. */
function saidAt(path: Path, message: string): Complaint {
  const [wrong = '', fix = ''] = message.split('\n');
  return complaint(path, wrong, fix);
}

/** Secrets by their usual names, so that whoever looks for them hears where they go instead. */
const INLINE_SECRETS: Readonly<Record<string, string>> = {
  password: 'passwordEnv or passwordFile',
  passphrase: 'passphraseEnv or passphraseFile',
};

function unknownKey(path: Path, key: string, known: readonly string[]): Complaint {
  const instead = INLINE_SECRETS[key];
  const at = 'key';
  if (instead !== undefined && known.includes(`${key}Env`)) {
    return { path: [...path, key], at, message: 'secrets are not written into the inventory.', fix: `Use ${instead}.` };
  }
  return { path: [...path, key], at, message: 'unknown key.', fix: didYouMean(key, known) };
}

/** What a failed parse says, in the words of kbin. */
export function complaintsOf(issues: readonly Issue[]): Complaint[] {
  const complaints = issues.flatMap((issue) => {
    const path = pathOf(issue);
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => unknownKey(path, key, issue.message.split('\n')));
    }
    if (issue.code === 'invalid_key') return [{ ...saidAt(path, issue.issues[0]?.message ?? ''), at: 'key' as const }];
    return [saidAt(path, issue.message)];
  });
  return complaints.filter((one) => !isMisspelt(one, complaints));
}

/** Whether a key is only missing because it is there under a misspelt name, which has a complaint of its own. */
function isMisspelt({ path, message }: Complaint, all: readonly Complaint[]): boolean {
  if (!message.startsWith('missing.')) return false;
  const meant = `Did you mean ${path.at(-1) ?? ''}?`;
  const parent = JSON.stringify(path.slice(0, -1));
  return all.some((other) => other.fix === meant && JSON.stringify(other.path.slice(0, -1)) === parent);
}

/** A file of which only the sound parts are left: what is at fault is undefined, and lists keep their indices. */
export type Sound<T> = T extends (infer Item)[]
  ? (Sound<Item> | undefined)[]
  : T extends object
    ? { [Key in keyof T]?: Sound<T[Key]> | undefined }
    : T;

/** The value without what the paths point at, so that the other checks can go on with the rest. */
export function without(value: unknown, paths: readonly Path[]): unknown {
  if (paths.some((path) => path.length === 0)) return undefined;
  if (paths.length === 0 || typeof value !== 'object' || value === null) return value;
  const below = (step: string | number): Path[] =>
    paths.filter((path) => path[0] === step).map((path) => path.slice(1));
  if (Array.isArray(value)) return value.map((item: unknown, index) => without(item, below(index)));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, without(item, below(key))]));
}

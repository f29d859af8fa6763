import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { KbinError } from '../errors.ts';
import type { Secret } from '../model/secret.ts';
import { exclusively, type Waiting } from './fileLock.ts';
import { systemCode } from './journal.ts';
import { removeStaged, stage } from './staging.ts';

export interface Edit {
  /** The new text, made of the old one, which is empty where there is no file. Whatever it throws changes nothing. */
  text: (before: string) => Secret;
  /** Keep the old file as FILE.kbin-backup. */
  keepsBackup: boolean;
  /** Runs when everything is written and only the renames are left; when it throws, nothing has changed. */
  beforePlacing?: () => Promise<void>;
}

/** What became of the file. */
export interface Edited {
  /** Where symbolic links led. */
  target: string;
  /** The old file; null where there was none, or none was kept. */
  backup: string | null;
}

/** Ten seconds. */
const WAITING: Waiting = { attempts: 500, what: 'the file' };

/**
 * Changes a file that others must not read: written beside with mode 0600 and renamed, under `FILE.lock`, which kubectl
 * respects too. A symbolic link stays one; missing folders are made with mode 0700. Throws USAGE when the file cannot be
 * read or written, LOCKED when another process holds it.
 */
export async function editFile(file: string, edit: Edit): Promise<Edited> {
  return guarded(file, async () => {
    const target = targetOf(file);
    const work = () => editLocked({ named: resolve(file), target }, edit);
    mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
    const lock = `${target}.lock`;
    if (target === resolve(file)) return exclusively(lock, work, WAITING);
    // kubectl makes its lock beside the link.
    return exclusively(`${resolve(file)}.lock`, () => exclusively(lock, work, WAITING), WAITING);
  });
}

/** True for what a rename would destroy instead of filling it: /dev/stdout, a pipe. */
export function isStream(file: string): boolean {
  try {
    const found = statSync(file);
    return !found.isFile() && !found.isDirectory();
  } catch {
    // What is wrong with the path is told by who writes there.
    return false;
  }
}

/** Writes to a pipe or device. Throws USAGE when that fails. */
export const writeStream = (file: string, text: Secret): Promise<void> =>
  guarded(file, () => Promise.resolve(writeFileSync(file, text.reveal())));

async function editLocked({ named, target }: { named: string; target: string }, edit: Edit): Promise<Edited> {
  const before = readBefore(target);
  const after = edit.text(before?.text ?? '');
  if (before?.text === after.reveal()) {
    await edit.beforePlacing?.();
    chmodSync(target, 0o600);
    return { target, backup: null };
  }
  for (const path of [target, backupOf(named)]) removeStaged(path);
  const backup = edit.keepsBackup && before !== null ? backupOf(named) : null;
  const owner = before === null ? {} : { owner: before.owner };
  const files = [
    ...(backup === null || before === null ? [] : [{ path: backup, body: before.bytes, ...owner }]),
    { path: target, body: after.reveal(), ...owner },
  ];
  const staged = stage(files, { replaces: true });
  try {
    await edit.beforePlacing?.();
    staged.place();
    return { target, backup };
  } finally {
    staged.drop();
  }
}

const backupOf = (path: string): string => `${path}.kbin-backup`;

interface Before {
  bytes: Buffer;
  text: string;
  owner: { uid: number; gid: number };
}

function readBefore(target: string): Before | null {
  const owner = statSync(target, { throwIfNoEntry: false });
  if (owner === undefined) return null;
  if (!owner.isFile()) throw new KbinError('USAGE', `${target} is no file`, { hint: 'Name a file.' });
  const bytes = readFileSync(target);
  try {
    return { bytes, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), owner };
  } catch (cause) {
    throw new KbinError('USAGE', `${target} is not UTF-8 text`, {
      hint: 'Save it in UTF-8. Nothing was changed.',
      cause,
    });
  }
}

/** Linux follows no more links than that. */
const MOST_LINKS = 40;

/** Where a path leads through symbolic links; nothing needs to be there. Throws USAGE for links that go in a circle. */
export function targetOf(file: string): string {
  let target = resolve(file);
  for (let links = 0; links <= MOST_LINKS; links += 1) {
    if (lstatSync(target, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return target;
    // A link counts from the folder in which it really is.
    target = resolve(realpathSync(dirname(target)), readlinkSync(target));
  }
  throw new KbinError('USAGE', `${file} is a symbolic link that leads back to itself`, {
    hint: 'Remove the link, or name another file. Nothing was changed.',
  });
}

/** Failures of the disk, such as missing rights, as errors that name the file; bugs stay what they are. */
async function guarded<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof KbinError || systemCode(error) === undefined) throw error;
    throw new KbinError('USAGE', `${file} cannot be written: ${(error as Error).message}`, {
      hint: 'Name a file in a folder where you may write. Nothing was changed.',
      cause: error,
    });
  }
}

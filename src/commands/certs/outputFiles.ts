import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fchmodSync, fsyncSync, linkSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { KbinError } from '../../errors.ts';
import { Secret } from '../../model/secret.ts';

/** A file that a command was asked to write. */
export interface OutputFile {
  path: string;
  body: string | Secret | Secret<Buffer>;
  /** Exactly these permissions, whatever the umask. */
  mode: number;
}

const taken = (paths: readonly string[]): KbinError =>
  new KbinError('USAGE', `${paths.join(', ')} ${paths.length === 1 ? 'is' : 'are'} already there`, {
    hint: 'Name others, or add --force to replace them. Nothing was written.',
  });

/** Throws USAGE when one of these is there already, unless it may be replaced; or when one stands there twice. */
export function checkOutputs(paths: readonly string[], isForced: boolean): void {
  const there = isForced ? [] : paths.filter((path) => existsSync(path));
  if (there.length > 0) throw taken(there);
  const twice = paths.find((path, index) => paths.indexOf(path) < index);
  if (twice !== undefined) throw new KbinError('USAGE', `${twice} would be written twice`, { hint: 'Name two files.' });
}

/**
 * Writes files beside their places, then gives them their names; all, or when one cannot be written, none. A file that
 * is there is kept, also one that appears meanwhile, unless it may be replaced. Throws USAGE.
 */
export function writeOutputs(files: readonly OutputFile[], isForced: boolean): void {
  const staged: string[] = [];
  const placed: string[] = [];
  try {
    for (const file of files) staged.push(stage(file));
    for (const [index, { path }] of files.entries()) {
      const from = staged[index] ?? '';
      if (isForced) renameSync(from, path);
      else {
        // A link fails where a rename would replace.
        linkSync(from, path);
        placed.push(path);
      }
    }
  } catch (error) {
    for (const path of placed) rmSync(path, { force: true });
    throw asUsage(error);
  } finally {
    for (const path of staged) rmSync(path, { force: true });
  }
}

function stage({ path, body, mode }: OutputFile): string {
  const staged = join(dirname(path), `.${basename(path)}.kbin-${randomBytes(8).toString('hex')}`);
  const file = openSync(staged, 'wx', 0o600);
  try {
    writeFileSync(file, body instanceof Secret ? body.reveal() : body);
    fchmodSync(file, mode);
    fsyncSync(file);
  } catch (error) {
    rmSync(staged, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
  return staged;
}

function asUsage(error: unknown): unknown {
  const { code, syscall, path = '', dest } = error as NodeJS.ErrnoException & { dest?: string };
  if (syscall === undefined) return error;
  if (code === 'EEXIST') return taken([dest ?? path]);
  return new KbinError('USAGE', `nothing can be written to ${dirname(dest ?? path)}: ${(error as Error).message}`, {
    hint: 'Name a file in a folder that is there and yours to write.',
    cause: error,
  });
}

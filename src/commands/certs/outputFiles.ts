import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { KbinError } from '../../errors.ts';
import { Secret } from '../../model/secret.ts';
import { stage } from '../../pki/staging.ts';

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
 * Writes all files or, when one cannot be written, none. A file that is there is kept, also one that appears meanwhile,
 * unless it may be replaced. Throws USAGE.
 */
export function writeOutputs(files: readonly OutputFile[], isForced: boolean): void {
  try {
    const staged = stage(
      files.map(({ body, ...file }) => ({ ...file, body: body instanceof Secret ? body.reveal() : body })),
      { replaces: isForced },
    );
    try {
      staged.place();
    } finally {
      staged.drop();
    }
  } catch (error) {
    throw asUsage(error);
  }
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

import { existsSync, mkdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { KbinError } from '../errors.ts';
import { exclusively, type Waiting } from './fileLock.ts';
import { systemCode } from './journal.ts';

/** A minute: keys are made under the lock, and a person may be asked for a passphrase. */
const WAITING: Waiting = { attempts: 3000, what: 'the certificate store' };

/** Failures of the disk, such as a full one or missing rights, as PKI errors; bugs stay what they are. */
export async function guarded<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    throw new KbinError('PKI', `${directory}: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * The same for what decides by what is in the store and then writes: nothing else is written meanwhile, by no process. So a
 * key never stays readable because the store was locked just now, nor locked for somebody who is no longer asked. Throws
 * LOCKED after a minute. The lock file is beside the store: a restore gives that another directory.
 */
export const changing = <T>(directory: string, work: () => Promise<T>): Promise<T> =>
  guarded(directory, () => {
    const folder = dirname(directory);
    if (!existsSync(folder)) mkdirSync(folder, { recursive: true, mode: 0o700 });
    return exclusively(join(folder, `${basename(directory)}.lock`), work, WAITING);
  });

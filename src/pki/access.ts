import { KbinError } from '../errors.ts';
import { systemCode } from './journal.ts';

/** Failures of the disk, such as a full one or missing rights, as PKI errors; bugs stay what they are. */
export async function guarded<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    throw new KbinError('PKI', `${directory}: ${(error as Error).message}`, { cause: error });
  }
}

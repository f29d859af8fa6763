import { KbinError } from '../errors.ts';

export const isLost = (error: unknown): boolean => error instanceof KbinError && error.code === 'CONNECT';

/** Asks once more when the connection was lost. Only for what may happen twice: looking, and taking or giving back a lock. */
export async function askAgain<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (isLost(error)) return ask();
    throw error;
  }
}

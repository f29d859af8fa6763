import { KbinError } from '../errors.ts';

/** Whether work was given up because something else failed, or the operator said so. */
export const isInterruption = (error: unknown): error is KbinError =>
  error instanceof KbinError && error.code === 'INTERRUPTED';

export const interrupted = (what: string): KbinError =>
  new KbinError('INTERRUPTED', `interrupted: ${what} was not started`, {
    hint: 'Run the same command again: it goes on.',
  });

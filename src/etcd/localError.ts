import { KbinError, type ErrorDetail } from '../errors.ts';

/** This machine refused, the operator's own: another member is no help. */
export class LocalError extends KbinError {
  constructor(message: string, detail: ErrorDetail = {}) {
    super('STEP', message, detail);
    this.name = 'LocalError';
  }
}

/** A file of this machine that cannot be written. */
export function cannotWrite(path: string, cause: unknown): LocalError {
  const { code = String(cause) } = cause as NodeJS.ErrnoException;
  return new LocalError(`${path} cannot be written: ${code}`, {
    cause,
    hint: 'See that its folder is there, can be written and has space, then run the same command again.',
  });
}

import type { ConnectionLost } from '../../src/errors.ts';

/** The error of a promise that must fail. */
export const caught = (promise: Promise<unknown>): Promise<ConnectionLost> =>
  promise.then(
    (value) => Promise.reject(new Error(`no failure but ${JSON.stringify(value)}`)),
    (error: unknown) => error as ConnectionLost,
  );

import { createHash } from 'node:crypto';

/** sha256 of text (UTF-8) or bytes, hex. */
export const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');

/**
 * Digest of everything a unit was started with. kbin leaves it on the host after a start that succeeded; the planner
 * compares it with what the unit should run with, so that a crash between writing a file and restarting its unit is
 * seen by the next run.
 */
export const unitInputsDigest = (inputs: Readonly<Record<string, string>>): string =>
  sha256(
    Object.entries(inputs)
      .map(([id, digest]) => `${id}=${digest}\n`)
      .sort()
      .join(''),
  );

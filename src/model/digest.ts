import { createHash } from 'node:crypto';

/** sha256 of text (UTF-8) or bytes, hex. */
export const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');

const digestOfAll = (inputs: Readonly<Record<string, string>>): string =>
  sha256(
    Object.entries(inputs)
      .map(([id, digest]) => `${id}=${digest}\n`)
      .sort()
      .join(''),
  );

/**
 * Stamp of a unit: digest of everything that it was started with. kbin leaves it on the host after a start that
 * succeeded; the planner compares it with what the unit should run with, so that a crash between writing a file and
 * restarting its unit is seen by the next run. Inputs that the unit reads again when it reloads have a digest of their
 * own after a space: where only that one differs, a reload is enough.
 */
export function unitStamp(inputs: Readonly<Record<string, string>>, reloadsOn: readonly string[] = []): string {
  const isRead = ([id]: [string, string]): boolean => reloadsOn.includes(id);
  const all = Object.entries(inputs);
  const kept = digestOfAll(Object.fromEntries(all.filter((input) => !isRead(input))));
  return reloadsOn.length === 0 ? kept : `${kept} ${digestOfAll(Object.fromEntries(all.filter(isRead)))}`;
}

import type { AuthorityConstraint } from '../extensions.ts';
import type { Fields } from './fields.ts';

const LONGEST_PATH = 255;

/** A path length of 0 counts only with its own key, because Go cannot tell it from none; -1 is none. */
export function pathLengthOf(fields: Fields, key: string, zeroKey: string): AuthorityConstraint {
  const pathLength = fields.integer(key, [-1, LONGEST_PATH]) ?? 0;
  const isZero = fields.flag(zeroKey);
  if (pathLength === 0) return isZero ? { pathLength } : {};
  return pathLength < 0 ? {} : { pathLength };
}

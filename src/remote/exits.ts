/**
 * Exit codes of the scripts, for what code decides on. They stay clear of those of shells (126 and up) and of
 * BSD's sysexits that tools use (64 to 69).
 */
export const EXITS = {
  failed: 70,
  /** The input ended early. */
  truncated: 71,
  /** The content does not have the hash it should have. */
  corrupt: 72,
  full: 73,
  inodes: 74,
  readOnly: 75,
  /** Something is not as it was when the plan was made. */
  drift: 76,
  /** A later run has been here: a higher fencing token was seen. */
  stale: 77,
} as const;

import { KbinError } from '../errors.ts';
import { sha256 } from '../model/digest.ts';

const refuse = (what: string): never => {
  throw new KbinError('REFUSED', what, { hint: 'Write an absolute path of plain names.' });
};

/**
 * A path as the scripts write it: relative to the directory they stand in, which is `/` on a host and a temporary
 * directory in tests. Throws REFUSED for what is not absolute, names `/` itself, climbs, or holds a line break: the
 * answers of the scripts have one path a line.
 */
export function hostPath(path: string): string {
  if (!path.startsWith('/')) refuse(`${JSON.stringify(path)} is not an absolute path`);
  if (/[\0\n]/.test(path)) refuse(`${JSON.stringify(path)} holds a line break or a NUL byte`);
  const names = path.slice(1).split('/');
  if (names.some((name) => name === '' || name === '.' || name === '..')) {
    refuse(`${JSON.stringify(path)} is not a plain path`);
  }
  return `.${path}`;
}

/** The path that a script printed. */
export const absolutePath = (printed: string): string => printed.replace(/^\.(?=\/)/, '');

/** Name of the file in PLACES.verified that says with which hash, size, times and inode a large file was last seen. */
export const recordName = (path: string): string => sha256(path).slice(0, 32);

/** A systemd unit's name. Throws REFUSED for anything that could be taken for an option or a path. */
export function unitName(name: string): string {
  if (!/^[A-Za-z0-9:_][A-Za-z0-9:_.@\\-]*\.[a-z]+$/.test(name)) refuse(`${JSON.stringify(name)} is not a unit's name`);
  return name;
}

/** Text that takes one line of a script's answer or argument. Throws REFUSED for a line break. */
export function oneLine(text: string): string {
  if (/[\0\r\n]/.test(text)) refuse(`${JSON.stringify(text)} holds a line break`);
  return text;
}

/** A run's id: it becomes part of file names. Throws REFUSED for anything but letters, digits, `_` and `-`. */
export function runId(run: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(run)) refuse(`${JSON.stringify(run)} is not a run id`);
  return run;
}

/** A fencing token in digits. Throws REFUSED for anything else. */
export function fencingToken(token: number): string {
  if (!Number.isSafeInteger(token) || token < 0) refuse(`${token} is not a fencing token`);
  return String(token);
}

/** Four octal digits. Throws REFUSED for anything else. */
export function fileMode(mode: string): string {
  if (!/^[0-7]{4}$/.test(mode)) refuse(`${JSON.stringify(mode)} is not a mode of four octal digits`);
  return mode;
}

/** `user:group`. Throws REFUSED for anything else. */
export function ownerName(owner: string): string {
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*:[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(owner)) {
    refuse(`${JSON.stringify(owner)} is not user:group`);
  }
  return owner;
}

/** A kernel module's name. Throws REFUSED for anything else. */
export function moduleName(name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(name)) refuse(`${JSON.stringify(name)} is not a kernel module's name`);
  return name;
}

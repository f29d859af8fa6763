import { Readable } from 'node:stream';
import { KbinError } from '../../errors.ts';

interface Words {
  says: string;
  hint: string;
}

/** Codes of system errors (errno(3)); FAILURE is SFTP's, which has few others. */
const WORDS: Record<string, Words> = {
  ENOENT: { says: 'is not there', hint: 'Check the path, and that the file system is mounted.' },
  EACCES: { says: 'permission denied', hint: 'Check owner and mode of the folder there, and who kbin runs as.' },
  EPERM: { says: 'operation not permitted', hint: 'Check owner and attributes of the folder there.' },
  EROFS: { says: 'the file system is read-only', hint: 'Look into the kernel’s log there: disks fail that way.' },
  ELOOP: { says: 'is a link, and links are not followed', hint: 'Put the file itself there.' },
  EISDIR: { says: 'is a folder', hint: 'Move it away.' },
  ENOTDIR: { says: 'part of the path is no folder', hint: 'Check the path.' },
  EEXIST: { says: 'something else is in the way', hint: 'Move it away.' },
  EIO: { says: 'input or output error', hint: 'Look into the kernel’s log there: disks fail that way.' },
  FAILURE: { says: 'the server failed and does not say why', hint: 'Look into the log of its SFTP server.' },
};

const codeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;

/** True for an error of the file system that says that there is no such thing. */
export const isMissing = (error: unknown): boolean => codeOf(error) === 'ENOENT';

/** True where a disk or a quota is full. */
export const isFull = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes(String(codeOf(error)));

/** True where SFTP says no more than that it failed: a full disk is told that way. */
export const isUnexplained = (error: unknown): boolean => codeOf(error) === 'FAILURE';

/** What to tell of a failure at a target: STEP for a system error; a KbinError, or a bug, as it is. */
export function fileFault(error: unknown, label: string, name: string): unknown {
  const code = codeOf(error);
  if (error instanceof KbinError || typeof code !== 'string') return error;
  const words = WORDS[code] ?? { says: code, hint: 'Look at the folder there by hand.' };
  return new KbinError('STEP', `${label}: ${name}: ${words.says}.`, { hint: words.hint, cause: error });
}

/** STEP: there is no room for a file of `bytes`. */
export function full(label: string, name: string, room: { bytes: number; free: number | undefined }): KbinError {
  const free = room.free === undefined ? '' : `, and ${room.free} are free`;
  return new KbinError('STEP', `${label}: no room for ${name}. It needs ${room.bytes} bytes${free}.`, {
    hint: 'Make room there, or keep fewer snapshots (etcd.snapshots.keep). Nothing was replaced.',
  });
}

/** The same stream with its failures told by `fault`. */
export function telling(stream: Readable, fault: (error: unknown) => unknown): Readable {
  async function* chunks(): AsyncGenerator<Buffer> {
    try {
      yield* stream as AsyncIterable<Buffer>;
    } catch (error) {
      throw fault(error);
    }
  }
  const told = Readable.from(chunks(), { objectMode: false });
  // A generator that nobody began to read ends nothing.
  return told.once('close', () => stream.destroy());
}

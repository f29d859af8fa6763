import type { SFTPWrapper } from 'ssh2';
import { ConnectionLost, KbinError } from '../errors.ts';

/** How long a server may take for one answer. A write waits for the disk, and a sync for all that was written. */
const ANSWER_MS = 300_000;

/** Status codes of draft-ietf-secsh-filexfer-02, section 7, as system errors. The others say no more than FAILURE. */
const CODES: Record<number, string> = { 2: 'ENOENT', 3: 'EACCES', 8: 'ENOSYS' };
const END_OF_FILE = 1;

/** What OpenSSH takes in one request; it tells so by an extension of its own. */
const LARGE_BLOCK_BYTES = 255 * 1024;
/** Every server takes 32 KiB (draft-ietf-secsh-filexfer-02, section 3); ssh2 leaves a little less for the bytes. */
const SMALL_BLOCK_BYTES = 31 * 1024;
/** Bytes under way. As much as OpenSSH takes before it has answered (its window for a session). */
const AHEAD_BYTES = 2 * 1024 * 1024;

type Done<T> = (error?: Error | null, value?: T) => void;

/** Requests of one SFTP session as promises. ssh2 leaves those unanswered that are sent once the session is over. */
export class SftpCalls {
  readonly sftp: SFTPWrapper;
  readonly #host: string;
  readonly #waiting = new Set<(error: Error) => void>();
  #isOver = false;
  /** Bytes of a file in one request, and requests at once, for speed. */
  readonly blockBytes: number;
  readonly blocksAtOnce: number;

  constructor(sftp: SFTPWrapper, host: string) {
    this.sftp = sftp;
    this.#host = host;
    this.blockBytes = this.offers('limits@openssh.com') ? LARGE_BLOCK_BYTES : SMALL_BLOCK_BYTES;
    this.blocksAtOnce = Math.floor(AHEAD_BYTES / this.blockBytes);
    sftp.on('error', () => this.#end());
    sftp.on('close', () => this.#end());
  }

  /** The answer to a request. Rejects with the `code` of a system error, with ConnectionLost, or TIMEOUT. */
  ask<T>(send: (sftp: SFTPWrapper, done: Done<T>) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#isOver) return reject(this.#lost(false));
      const fail = (error: Error): void => {
        clearTimeout(timer);
        this.#waiting.delete(fail);
        reject(error);
      };
      const timer = setTimeout(() => fail(this.#silent()), ANSWER_MS);
      this.#waiting.add(fail);
      send(this.sftp, (error, value) => {
        if (error !== undefined && error !== null) return fail(this.#refusal(error));
        clearTimeout(timer);
        this.#waiting.delete(fail);
        resolve(value as T);
      });
    });
  }

  /** True when the server offers an extension of the protocol, in the version that kbin knows. */
  offers(extension: string, version = '1'): boolean {
    // ssh2 keeps what the server offered, and its calls throw for what is not there; its types do not tell either.
    const { _extensions: extensions } = this.sftp as unknown as { _extensions: Record<string, string> };
    return extensions[extension] === version;
  }

  #end(): void {
    this.#isOver = true;
    for (const fail of [...this.#waiting]) fail(this.#lost(true));
  }

  #refusal(error: Error & { code?: unknown }): Error {
    // Without a number it is no answer: the session is over.
    if (typeof error.code !== 'number') return this.#lost(true);
    const code = error.code === END_OF_FILE ? 'EOF' : (CODES[error.code] ?? 'FAILURE');
    return Object.assign(new Error(error.message), { code });
  }

  #lost(sent: boolean): ConnectionLost {
    return new ConnectionLost(`The SFTP session with ${this.#host} broke.`, sent, {
      host: this.#host,
      hint: 'Try again; what was written in part is removed later.',
    });
  }

  #silent(): KbinError {
    return new KbinError('TIMEOUT', `The SFTP server on ${this.#host} did not answer within ${ANSWER_MS / 1000} s.`, {
      host: this.#host,
      hint: 'Its disk may hang: look there.',
    });
  }
}

import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import type { ClientChannel } from 'ssh2';

/** How a command ended. Neither field: what carried it went away before it told. */
export interface Exit {
  exitCode?: number;
  signal?: string;
}

/** A command that has been started, whatever carries it. Its streams never raise an unhandled error. */
export interface Exec {
  stdin: Writable;
  stdout: Readable;
  stderr: Readable;
  /** Resolves when it has ended and all its output has been read. Never rejects. */
  ended: Promise<Exit>;
  /** Ends it early. */
  kill(): void;
}

/** Exit code as a shell gives it for a command that a signal ended: 128 and the signal's number. */
export function exitCodeOfSignal(signal: string): number {
  const numbers: Record<string, number | undefined> = constants.signals;
  return 128 + (numbers[signal] ?? 0);
}

const ignoreErrors = (...streams: (Readable | Writable)[]): void => {
  // Errors of a stream only repeat what `ended` and the connection's own end tell.
  for (const stream of streams) stream.on('error', () => undefined);
};

const drained = (stream: Readable): Promise<void> =>
  new Promise((resolve) => {
    if (stream.readableEnded || stream.destroyed) return resolve();
    stream.once('end', resolve).once('close', resolve);
  });

/** A command in a channel of ssh2. */
export function channelExec(channel: ClientChannel): Exec {
  const { stderr } = channel as unknown as { stderr: Readable };
  ignoreErrors(channel, stderr);
  let exit: Exit = {};
  channel.once('exit', (code: number | null, signal?: string) => {
    exit = code === null ? (signal === undefined ? {} : { signal }) : { exitCode: code };
  });
  const closed = new Promise<void>((resolve) => channel.once('close', () => resolve()));
  return {
    stdin: channel,
    stdout: channel,
    stderr,
    ended: Promise.all([closed, drained(stderr)]).then(() => exit),
    kill: () => endChannel(channel),
  };
}

/** The parts of ssh2's channel that its own signal() reaches too, but only while standard input is still open. */
interface Internals {
  _client?: { _protocol?: { signal?: (channel: number, name: string) => void } };
  outgoing?: { id: number; state: string };
}

/** sshd passes the signal to the command's process group; closing the channel alone would leave it running. */
function endChannel(channel: ClientChannel): void {
  const { _client: client, outgoing } = channel as unknown as Internals;
  try {
    if (outgoing?.state === 'open' || outgoing?.state === 'eof') client?._protocol?.signal?.(outgoing.id, 'TERM');
    channel.close();
  } catch {
    // The connection is gone, and the channel with it.
  }
}

/** How long a local process may ignore SIGTERM. */
const KILL_AFTER_MS = 2_000;

export interface ChildStreams extends ChildProcess {
  stdin: Writable;
  stdout: Readable;
  stderr: Readable;
}

/** A command in a child process that leads its own process group. */
export function childExec(child: ChildStreams): Exec {
  const { stdin, stdout, stderr } = child;
  ignoreErrors(stdin, stdout, stderr);
  const ended = new Promise<Exit>((resolve) => {
    child.once('error', () => resolve({}));
    child.once('close', (code, signal) => {
      resolve(code === null ? (signal === null ? {} : { signal }) : { exitCode: code });
    });
  });
  const signalGroup = (signal: NodeJS.Signals) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal);
    } catch {
      // The group is gone already.
    }
  };
  return {
    stdin,
    stdout,
    stderr,
    ended,
    kill: () => {
      signalGroup('SIGTERM');
      const timer = setTimeout(() => signalGroup('SIGKILL'), KILL_AFTER_MS);
      void ended.then(() => clearTimeout(timer));
    },
  };
}

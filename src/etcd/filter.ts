import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Pulled } from '../model/streams.ts';
import { LocalError } from './localError.ts';

/** What a program says of itself is short. */
const MAX_WORDS = 4096;

export interface Filter {
  program: string;
  args: readonly string[];
  /** What to do when it is not installed. */
  hint: string;
}

async function* outputOf(
  child: ChildProcessWithoutNullStreams,
  { program, hint }: Filter,
  fed: Promise<NodeJS.ErrnoException | undefined>,
): AsyncGenerator<Buffer> {
  let words = '';
  child.stderr.on('data', (chunk: Buffer) => (words = `${words}${chunk.toString()}`.slice(-MAX_WORDS)));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('close', resolve);
    child.once('error', (cause) =>
      reject(new LocalError(`${program} cannot be started on this machine`, { hint, cause })),
    );
  });
  ended.catch(() => undefined);
  yield* child.stdout as AsyncIterable<Buffer>;
  const code = await ended;
  const fault = await fed;
  // A program that ends early closes its input; its exit code tells why.
  if (fault !== undefined && fault.code !== 'EPIPE') throw fault;
  if (code === 0) return;
  const evidence = words.trim().split('\n');
  throw new LocalError(`${program} ended with ${code ?? 'a signal'}`, { evidence });
}

/**
 * What a program of this machine makes of a stream. Fails with the source's error, or LocalError when the program cannot be
 * started or ends with another exit code than 0. Destroying it ends the program and the source.
 */
export function throughProgram(source: Readable, filter: Filter): Readable {
  const child = spawn(filter.program, filter.args, { stdio: 'pipe' });
  const fed = pipeline(source, child.stdin).then(
    () => undefined,
    (error: unknown) => error as NodeJS.ErrnoException,
  );
  const stop = (): void => {
    source.destroy();
    child.kill();
  };
  return new Pulled(outputOf(child, filter, fed), { stop });
}

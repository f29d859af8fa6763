import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { LocalError } from './localError.ts';

/** What a program says of itself is short. */
const MAX_WORDS = 4096;

export interface Filter {
  program: string;
  args: readonly string[];
  /** What to do when it is not installed. */
  hint: string;
}

async function* filtered(source: Readable, { program, args, hint }: Filter): AsyncGenerator<Buffer> {
  const child = spawn(program, args, { stdio: 'pipe' });
  const missing = once(child, 'error').then(([cause]: unknown[]) => {
    throw new LocalError(`${program} cannot be started on this machine`, { hint, cause });
  });
  const ended = Promise.race([once(child, 'close') as Promise<[number | null]>, missing]);
  // A program that ends early closes its input; its exit code tells why.
  const fed = pipeline(source, child.stdin).then(
    () => undefined,
    (error: unknown) => error as NodeJS.ErrnoException,
  );
  for (const promise of [missing, ended]) promise.catch(() => undefined);
  let words = '';
  child.stderr.on('data', (chunk: Buffer) => (words = `${words}${chunk.toString()}`.slice(-MAX_WORDS)));
  try {
    yield* child.stdout as AsyncIterable<Buffer>;
    const [code] = await ended;
    const fault = await fed;
    if (fault !== undefined && fault.code !== 'EPIPE') throw fault;
    if (code === 0) return;
    const evidence = words.trim().split('\n');
    throw new LocalError(`${program} ended with ${code ?? 'a signal'}`, { evidence });
  } finally {
    source.destroy();
    child.kill();
  }
}

/**
 * What a program of this machine makes of a stream. Fails with the source's error, or LocalError when the program cannot be
 * started or ends with another exit code than 0.
 */
export const throughProgram = (source: Readable, filter: Filter): Readable =>
  Readable.from(filtered(source, filter), { objectMode: false, highWaterMark: 256 * 1024 });

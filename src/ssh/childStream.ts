import { Duplex } from 'node:stream';
import type { ChildStreams } from './exec.ts';

/**
 * Standard input and output of a child as one stream; destroying it ends the child. `faultOf` tells what an exit code
 * means: where it means a fault, the stream is destroyed with it. A child that ends without a byte of output has told
 * nothing until its exit code is known, so that only then the stream ends.
 */
export function childStream(child: ChildStreams, faultOf: (exitCode: number | null) => Error | undefined): Duplex {
  const { stdin, stdout } = child;
  let hasSpoken = false;
  const stream = new Duplex({
    read: () => void stdout.resume(),
    // What cannot be written any more is told by the child's end.
    write: (chunk: Buffer, _encoding, done) => void stdin.write(chunk, () => done()),
    final: (done) => void stdin.end(() => done()),
    destroy: (error, done) => {
      child.kill();
      // Output that nobody reads would keep the child's 'close' away.
      stdout.destroy();
      done(error);
    },
  });
  stdout.on('data', (chunk: Buffer) => {
    hasSpoken = true;
    if (!stream.push(chunk)) stdout.pause();
  });
  const end = () => stream.readableEnded || stream.destroyed || stream.push(null);
  stdout.once('end', () => hasSpoken && end());
  for (const part of [stdin, stdout, stream]) part.on('error', () => undefined);
  child.once('error', (error) => stream.destroy(error));
  child.once('close', (exitCode) => {
    const fault = faultOf(exitCode);
    if (fault !== undefined) stream.destroy(fault);
    else if (!hasSpoken) end();
    stream.end();
  });
  return stream;
}

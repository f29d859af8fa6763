import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { childStream } from '../../../src/ssh/childStream.ts';

const shell = (script: string) => {
  const child = spawn('/bin/sh', ['-c', script], { stdio: 'pipe' });
  const stream = childStream(child, (code) => (code === 255 ? new Error('nothing answers') : undefined));
  return { child, stream };
};

test('bytes go both ways, and the end of one direction leaves the other', async () => {
  const { stream } = shell('cat; echo after the end');
  stream.end('hello\n');
  expect(await text(stream)).toBe('hello\nafter the end\n');
});

test('the end comes at once when there was output, though the child still reads', async () => {
  const { stream, child } = shell('echo answer; exec >&-; cat >/dev/null');
  expect(await text(stream)).toBe('answer\n');
  expect(child.exitCode).toBeNull();
  stream.end();
  await once(child, 'close');
});

test('a child that says nothing and fails is a fault, even if its output ends long before it does', async () => {
  const { stream } = shell('exec >&- <&-; sleep 0.3; exit 255');
  await expect(text(stream)).rejects.toThrow('nothing answers');
});

test('a child that says nothing and does not fail is an end', async () => {
  const { stream } = shell('exec >&-; sleep 0.1');
  expect(await text(stream)).toBe('');
});

test('writing to a child that has ended is told by its end alone', async () => {
  const { stream, child } = shell('exit 255');
  await once(child, 'exit');
  stream.write('x'.repeat(1_000_000));
  await expect(text(stream)).rejects.toThrow('nothing answers');
});

test('more than anybody reads waits in the child, and destroying the stream ends it', async () => {
  const { stream, child } = shell('exec yes');
  await once(stream, 'readable');
  stream.destroy();
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  expect([code, signal]).toEqual([null, 'SIGTERM']);
});

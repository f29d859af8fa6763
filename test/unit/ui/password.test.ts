import { PassThrough } from 'node:stream';
import { expect, test } from '@jest/globals';
import { askNewPassword, askPassword } from '../../../src/ui/password.ts';
import { Screen, until } from './screen.ts';

/** A keyboard that types each line once its question is on the screen. */
async function answered(...typed: (string | undefined)[]) {
  const screen = new Screen();
  const input = Object.assign(new PassThrough(), { isTTY: true });
  const answer = askNewPassword('Password of x.p12:', {
    input: input as unknown as NodeJS.ReadStream,
    output: screen.stream,
  });
  for (const [index, line] of typed.entries()) {
    await until(() => (screen.text.match(/:/g) ?? []).length > index);
    if (line === undefined) input.end();
    else input.write(line);
  }
  return { answer: (await answer)?.reveal(), text: screen.text };
}

test('a password is typed twice, and none of it is shown', async () => {
  const { answer, text } = await answered('s3cret ü\r', 's3cret ü\r');
  expect(answer).toBe('s3cret ü');
  expect(text).toContain('Password of x.p12:');
  expect(text).toContain('Once more:');
  expect(text).not.toMatch(/s3c|ret/);
});

test('the terminal echoes nothing from before the question until after the answer', async () => {
  const screen = new Screen();
  const modes: string[] = [];
  const input = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: (isRaw: boolean) => modes.push(`${isRaw} ${screen.text.includes('Password') ? 'asked' : 'before'}`),
  });
  const asked = { input: input as unknown as NodeJS.ReadStream, output: screen.stream };
  const answer = askNewPassword('Password:', asked);
  await until(() => screen.text.includes('Password:'));
  input.write('a\r');
  await until(() => screen.text.includes('more:'));
  input.write('a\r');
  expect((await answer)?.reveal()).toBe('a');
  expect(modes).toEqual(['true before', 'false asked']);
});

test('what is not the same twice is asked again', async () => {
  const { answer, text } = await answered('one\r', 'two\r', 'one\r', 'one\r');
  expect(answer).toBe('one');
  expect(text).toContain('These were not the same.');
});

test('after three times nothing is taken', async () => {
  const { answer } = await answered('a\r', 'b\r', 'a\r', 'b\r', 'a\r', 'b\r');
  expect(answer).toBeUndefined();
});

test.each([
  ['an empty one', ['\r']],
  ['Ctrl-C', ['abc\x03']],
  ['Ctrl-C the second time', ['abc\r', '\x03']],
  ['the end of the input', [undefined]],
])('%s is no password', async (_, typed) => {
  expect((await answered(...typed)).answer).toBeUndefined();
});

test('without a terminal nobody is asked', async () => {
  const screen = new Screen();
  const input = Object.assign(new PassThrough(), { isTTY: false }) as unknown as NodeJS.ReadStream;
  expect(await askNewPassword('Password:', { input, output: screen.stream })).toBeUndefined();
  expect(screen.text).toBe('');
});

test('one that exists already is typed once, and not shown either', async () => {
  const screen = new Screen();
  const input = Object.assign(new PassThrough(), { isTTY: true });
  const asked = { input: input as unknown as NodeJS.ReadStream, output: screen.stream };
  const answer = askPassword('Passphrase:', asked);
  await until(() => screen.text.includes('Passphrase:'));
  input.write('s3cret\r');
  expect((await answer)?.reveal()).toBe('s3cret');
  expect(screen.text).not.toContain('s3cret');
  const nobody = {
    ...asked,
    input: Object.assign(new PassThrough(), { isTTY: false }) as unknown as NodeJS.ReadStream,
  };
  expect(await askPassword('Passphrase:', nobody)).toBeUndefined();
});

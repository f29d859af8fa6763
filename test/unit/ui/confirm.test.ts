import { PassThrough } from 'node:stream';
import { expect, test } from '@jest/globals';
import { confirm, confirmName, type Asked } from '../../../src/ui/confirm.ts';
import { Screen, until } from './screen.ts';

/** A keyboard that types once the question is on the screen. */
async function answered(
  typed: string | undefined,
  ask: (asked: Asked) => Promise<boolean>,
): Promise<{ answer: boolean; text: string }> {
  const screen = new Screen();
  const input = Object.assign(new PassThrough(), { isTTY: true });
  const answer = ask({ input: input as unknown as NodeJS.ReadStream, output: screen.stream });
  await until(() => screen.text.includes('?'));
  if (typed === undefined) input.end();
  else input.write(typed);
  return { answer: await answer, text: screen.text };
}

test.each([
  ['y\r', true],
  ['YES\r', true],
  [' y \r', true],
  ['\r', false],
  ['n\r', false],
  ['yesterday\r', false],
  ['y\x03', false],
  [undefined, false],
])('a question answered with %j is %j', async (typed, expected) => {
  const { answer, text } = await answered(typed, (asked) => confirm('Apply this?', asked));
  expect(answer).toBe(expected);
  expect(text).toContain('Apply this? [y/N]');
});

test.each([
  ['prod\r', true],
  ['Prod\r', false],
  ['y\r', false],
  ['\r', false],
  ['\x03', false],
])('a name typed as %j is %j', async (typed, expected) => {
  const { answer } = await answered(typed, (asked) => confirmName('Really? Type its name:', 'prod', asked));
  expect(answer).toBe(expected);
});

test('without a terminal nobody is asked, and the answer is no', async () => {
  const screen = new Screen();
  const input = Object.assign(new PassThrough(), { isTTY: false }) as unknown as NodeJS.ReadStream;
  expect(await confirm('Apply this?', { input, output: screen.stream })).toBe(false);
  expect(await confirmName('Type it:', 'prod', { input, output: screen.stream })).toBe(false);
  expect(screen.text).toBe('');
});

test('a question steers no terminal', async () => {
  const { text } = await answered('\r', (asked) => confirm('Apply \x1b[8mthis?', asked));
  expect(text).toContain('Apply this?');
});

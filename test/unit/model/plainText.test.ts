import fc from 'fast-check';
import { plainLine, plainText, printable } from '../../../src/model/plainText.ts';

test.each([
  ['plain text', 'tab\there\nnext line é 😀', 'tab\there\nnext line é 😀'],
  ['colours', '\x1b[31mred\x1b[0m and \x1b[1;38;5;200mpink\x1b[m', 'red and pink'],
  ['a cleared screen', '\x1b[2J\x1b[Hhello', 'hello'],
  ['a window title', 'a\x1b]0;owned\x07b', 'ab'],
  ['a title that ends with ST', 'a\x1b]2;owned\x1b\\b', 'ab'],
  ['a title without an end', 'a\x1b]2;owned for ever', 'a'],
  ['a title without an end hides no later line', 'a\x1b]0;open\nnext', 'a\nnext'],
  ['nor does one before a carriage return', 'a\x1b]0;open\rnext', 'a\nnext'],
  ['a device control string', 'a\x1bP+q544e\x1b\\b', 'ab'],
  ['a hyperlink', '\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\', 'click'],
  ['eight-bit control sequences', 'a\x9b31mb\x9d0;title\x07c', 'abc'],
  ['short escapes', 'a\x1bcb\x1b(Bc', 'abc'],
  ['an escape at the end', 'a\x1b', 'a'],
  ['a cut control sequence', 'a\x1b[12', 'a'],
  ['an overwritten line', 'harmless\rhidden', 'harmless\nhidden'],
  ['lines of Windows', 'one\r\ntwo\r\n', 'one\ntwo\n'],
  ['a progress display', '50 %\r100 %\r\n', '50 %\n100 %\n'],
  ['other scripts', 'ümläute, 漢字 and 🙂', 'ümläute, 漢字 and 🙂'],
  ['backspaces and bells', 'a\b\x07\x00b\x7f', 'ab'],
  ['reordered text', 'user\u202e\u2066\u061ctxt.exe\u2069', 'usertxt.exe'],
])('%s', (_name, text, expected) => {
  expect(plainText(text)).toBe(expected);
  expect(printable(text)).toBe(expected);
});

test('in one line', () => {
  expect(plainLine(' a\tb \n  c\r\n\x1b[31md\n')).toBe('a b c d');
});

test('a line of a megabyte of escapes takes no time worth telling', () => {
  const { user } = process.cpuUsage();
  plainText(`${'\x1b['.repeat(250_000)}${'\x1b]'.repeat(250_000)}${' '.repeat(500_000)}`);
  plainLine(`${' '.repeat(500_000)}x`);
  expect((process.cpuUsage().user - user) / 1000).toBeLessThan(500);
});

test('a long text is cut, says how much is missing, and never breaks a character', () => {
  expect(printable('x'.repeat(10), 4)).toBe('xxxx… (6 more characters)');
  expect(printable('abc😀', 4)).toBe('abc… (2 more characters)');
});

test('nothing that steers a terminal is left of any text', () => {
  const parts = fc.constantFrom(
    '\x1b',
    '[',
    ']',
    '0',
    ';',
    'm',
    '\x07',
    '\\',
    '\x9b',
    '\x9d',
    'P',
    'a',
    '\r',
    '\n',
    '\u202e',
  );
  fc.assert(
    fc.property(fc.array(parts, { maxLength: 30 }), (pieces) => {
      expect(printable(pieces.join(''))).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/);
    }),
  );
});

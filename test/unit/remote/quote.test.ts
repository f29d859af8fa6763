import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { shellQuote, shellWords } from '../../../src/remote/quote.ts';
import { hostPath, unitName } from '../../../src/remote/allowed.ts';
import { SHELLS } from './sandbox.ts';
import { codeOf } from './steps.ts';

const word = fc.string({ unit: 'binary', maxLength: 30 }).filter((text) => !text.includes('\0'));
const nasty = fc.array(
  fc.constantFrom(
    "'",
    '"',
    '\\',
    '$(id)',
    '`id`',
    '\n',
    ' ',
    '*',
    '~',
    '!',
    '-',
    '%s',
    '#',
    ';',
    '&',
    '|',
    '{a,b}',
    '\t',
    '\r',
    'é',
  ),
  {
    maxLength: 12,
  },
);
const text = fc.oneof(
  word,
  nasty.map((parts) => parts.join('')),
);

describe.each(SHELLS)('in $name', ({ argv }) => {
  const [program = 'sh', ...words] = argv;

  test('quoted words are the words themselves, whatever they hold', () => {
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 80 }), (list) => {
        const script = `printf '%s\\0' ${shellWords(list)}`;
        const printed = execFileSync(program, [...words, '-c', script], { encoding: 'utf8' });
        expect(printed.split('\0').slice(0, -1)).toEqual(list);
      }),
      { numRuns: 15 },
    );
  });

  test('quoting holds twice, as behind sudo and a login shell', () => {
    fc.assert(
      fc.property(text, (value) => {
        const script = `sh -c ${shellQuote(`printf %s ${shellQuote(value)}`)}`;
        expect(execFileSync(program, [...words, '-c', script], { encoding: 'utf8' })).toBe(value);
      }),
      { numRuns: 15 },
    );
  });
});

test('a NUL byte is refused', () => {
  expect(codeOf(() => shellQuote('a\0b'))).toBe('REFUSED');
});

test('an empty word stays a word', () => {
  expect(shellWords(['a', '', 'b'])).toBe("'a' '' 'b'");
});

test('a path is written relative to where the scripts stand, and never out of there', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'b c', '.', '..', '', '-x', '$y', 'a\nb'), { maxLength: 5 }), (parts) => {
      const path = `/${parts.join('/')}`;
      const isPlain = parts.length > 0 && parts.every((part) => !['', '.', '..', 'a\nb'].includes(part));
      if (isPlain) expect(hostPath(path)).toBe(`.${path}`);
      else expect(codeOf(() => hostPath(path))).toBe('REFUSED');
    }),
  );
});

test.each(['--force', 'a/b.service', 'a b.service', '', 'kubelet', '-x.service', 'a\nb.service'])(
  '%j is no unit',
  (name) => {
    expect(codeOf(() => unitName(name))).toBe('REFUSED');
  },
);

test.each(['kubelet.service', 'getty@tty1.service', 'dev-disk-by\\x2duuid.swap', 'kubepods-burst.slice'])(
  '%s is a unit',
  (name) => {
    expect(unitName(name)).toBe(name);
  },
);

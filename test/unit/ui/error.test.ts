import { expect, test } from '@jest/globals';
import { KbinError } from '../../../src/errors.ts';
import { errorLines } from '../../../src/ui/error.ts';

test('a foreseen failure says code and message, its evidence, then what to do', () => {
  const error = new KbinError('GATE', 'etcd on cp-2: no leader after 60 s', {
    host: 'cp-2',
    evidence: ['cp-2: connection refused on 2379', 'etcd.service: Main process exited\nFailed with result exit-code'],
    hint: 'Open port 2380 between the members and run the same command again.',
  });
  expect(errorLines(error)).toEqual([
    'GATE etcd on cp-2: no leader after 60 s.',
    '  cp-2: connection refused on 2379',
    '  etcd.service: Main process exited',
    '  Failed with result exit-code',
    'Open port 2380 between the members and run the same command again.',
  ]);
});

test('the host is named also where the message forgets it', () => {
  expect(errorLines(new KbinError('CONNECT', 'no route to host', { host: 'cp-2' }))).toEqual([
    'CONNECT cp-2: no route to host.',
  ]);
});

test('a message that ends as a sentence gets no second full stop', () => {
  expect(errorLines(new KbinError('USAGE', 'kbin needs a command.'))).toEqual(['USAGE kbin needs a command.']);
});

test('evidence of many lines is cut at sixty, and says how many are missing', () => {
  const evidence = Array.from({ length: 75 }, (_, index) => `line ${index + 1}`);
  const lines = errorLines(new KbinError('STEP', 'it failed', { evidence: [evidence.join('\n')], hint: 'Look.' }));
  expect(lines).toHaveLength(63);
  expect(lines.slice(-3)).toEqual(['  line 60', '  … 15 more lines', 'Look.']);
});

test('nothing in a failure steers the terminal', () => {
  const evil = 'a\x1b[2J\x1b]0;title\x07b\x9b31mc\r\nd\x00\u202e\x1b]52;never ends';
  const error = new KbinError('STEP', `message ${evil}`, { evidence: [evil], hint: evil });
  const text = errorLines(error).join('\n');
  expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
  expect(errorLines(error)[0]).toBe('STEP message abc.');
  expect(errorLines(error)).toContain('  abc');
});

test('a line without end is shortened', () => {
  const [, line] = errorLines(new KbinError('STEP', 'it failed', { evidence: ['x'.repeat(5000)] }));
  expect(line).toBe(`  ${'x'.repeat(1000)}… (4000 more characters)`);
});

test('everything else is a bug with its stack and causes, and asks to be reported', () => {
  const error = new TypeError('x is not a function', { cause: new Error('first \x1b[1mfault') });
  const lines = errorLines(error);
  expect(lines[0]).toBe('BUG TypeError: x is not a function.');
  expect(lines[1]).toMatch(/^ {2}at .*error\.test\.ts/);
  expect(lines).toContain('  caused by Error: first fault');
  expect(lines.at(-1)).toBe(
    'This is a fault of kbin itself (exit code 70). Please report these lines with the output of kbin --version.',
  );
});

test('causes that go in a circle end', () => {
  const error = new Error('a');
  error.cause = new Error('b', { cause: error });
  expect(errorLines(error).length).toBeLessThan(80);
});

test('fields of unknown errors are not shown: they may hold anything', () => {
  const error = Object.assign(new Error('refused'), { config: { password: 'poison-secret' } });
  expect(errorLines(error).join('\n')).not.toContain('poison');
});

test('what is thrown and is no error is a bug too', () => {
  expect(errorLines('oops')[0]).toBe('BUG oops.');
  expect(errorLines(undefined)[0]).toBe('BUG undefined.');
});

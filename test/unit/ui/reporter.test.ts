import { PassThrough } from 'node:stream';
import { expect, jest, test } from '@jest/globals';
import type { Event } from '../../../src/model/event.ts';
import { PHASES } from '../../../src/model/phase.ts';
import { confirm } from '../../../src/ui/confirm.ts';
import { Progress } from '../../../src/ui/progress.ts';
import { createReporter, type Reporter, type ReporterOptions } from '../../../src/ui/reporter.ts';
import { failedRun, manyHosts, threeHosts } from './recorded.ts';
import { Pipe, Screen, until } from './screen.ts';

const noTerminal = { isTTY: false } as unknown as NodeJS.ReadStream;
const keyboard = { isTTY: true } as unknown as NodeJS.ReadStream;

interface Made {
  screen: Screen;
  stdout: Pipe;
  stderr: Pipe;
  reporter: Reporter;
}

function make(kind: 'screen' | 'pipe', options: Partial<ReporterOptions> = {}): Made {
  const [screen, stdout, stderr] = [new Screen(100, 30), new Pipe(), new Pipe()];
  const reporter = createReporter({
    json: false,
    stdout: kind === 'screen' ? screen.stream : stdout.stream,
    stderr: stderr.stream,
    stdin: noTerminal,
    env: {},
    now: () => threeHosts.at(-1)!.at,
    ...options,
  });
  return { screen, stdout, stderr, reporter };
}

const play = (reporter: Reporter, events: readonly Event[]): void => {
  for (const event of events) reporter.emit(event);
};

test('with --json standard output holds JSON lines only, and people read standard error', async () => {
  const { stdout, stderr, reporter } = make('pipe', { json: true });
  play(reporter, threeHosts);
  reporter.emit({ type: 'warning', message: 'odd \x9b31m\x1b[2J\u202e\u2028text\nof two lines', at: 1 });
  reporter.print('a line\nfor people');
  await reporter.close();
  const lines = stdout.text.trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line) as Event)).toEqual([
    ...threeHosts,
    { type: 'warning', message: 'odd \x9b31m\x1b[2J\u202e\u2028text\nof two lines', at: 1 },
  ]);
  expect(stdout.text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]/);
  expect(stderr.text).toBe('a line\nfor people\n');
});

test.each([
  ['standard output is no terminal', 'pipe', {}],
  ['a CI says so', 'screen', { CI: 'true' }],
  ['the terminal is dumb', 'screen', { TERM: 'dumb' }],
] as const)('plain lines are shown when %s', async (_, kind, env) => {
  const { screen, stdout, reporter } = make(kind, { env });
  play(reporter, threeHosts);
  reporter.print('Done: 298 steps.');
  await reporter.close();
  const text = kind === 'screen' ? screen.text : stdout.text;
  expect(text).toContain('[  3.4s] etcd: gate passed');
  expect(text.trimEnd().endsWith('Done: 298 steps.')).toBe(true);
});

test('someone can answer only where there is a keyboard and a screen, and neither --json nor a CI', () => {
  const isInteractive = (kind: 'screen' | 'pipe', options: Partial<ReporterOptions>): boolean =>
    make(kind, options).reporter.isInteractive;
  expect(isInteractive('screen', { stdin: keyboard })).toBe(true);
  expect(isInteractive('pipe', { stdin: keyboard, stderr: new Screen().stream })).toBe(true);
  expect(isInteractive('pipe', { stdin: keyboard })).toBe(false);
  expect(isInteractive('screen', { stdin: noTerminal })).toBe(false);
  expect(isInteractive('screen', { stdin: keyboard, json: true })).toBe(false);
  expect(isInteractive('screen', { stdin: keyboard, env: { CI: '1' } })).toBe(false);
});

test('the live screen ends with a row for every phase, then what was printed at the end', async () => {
  const { screen, reporter } = make('screen');
  const split = threeHosts.findIndex((event) => event.type === 'planned') + 1;
  play(reporter, threeHosts.slice(0, split));
  await until(() => screen.text.includes('plan '));
  play(reporter, threeHosts.slice(split, -1));
  await until(() => screen.text.includes('addons'));
  reporter.print('Done: 298 steps.');
  play(reporter, threeHosts.slice(-1));
  await reporter.close();
  reporter.print('the timeline');
  const phases = screen.lines.filter((line) => line.startsWith('✔')).map((line) => line.split(/\s+/)[1]);
  expect(phases).toEqual(['observe', 'plan', 'uploads', ...PHASES.filter((phase) => phase !== 'cleanup')]);
  expect(screen.lines.slice(-3)).toEqual(['Done: 298 steps.', 'the timeline', '']);
  expect(screen.text).not.toMatch(/[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]/);
});

test('lines printed while the screen lives stand above it, whole and in order', async () => {
  const { screen, reporter } = make('screen');
  play(reporter, threeHosts.slice(0, 3));
  await until(() => screen.text.includes('observe'));
  reporter.print(`first ${'x'.repeat(120)}`);
  reporter.print('second\nthird');
  await until(() => screen.text.includes('third'));
  expect(screen.lines.slice(0, 4)).toEqual([`first ${'x'.repeat(94)}`, 'x'.repeat(26), 'second', 'third']);
  expect(screen.lines[4]).toMatch(/^. observe/);
  await reporter.close();
  expect(screen.text.match(/observe/g)).toHaveLength(1);
});

test('a thousand hosts stay within the screen while it lives', async () => {
  const { screen, reporter } = make('screen');
  screen.rows = 24;
  const events = manyHosts(1000);
  play(reporter, events);
  await until(() => screen.text.includes('node '));
  expect(screen.lines.length).toBeLessThanOrEqual(8);
  await reporter.close();
  expect(screen.lines.length).toBeLessThanOrEqual(10);
  expect(screen.text.replaceAll('\n', '')).toContain('worker-0001, worker-0101, worker-0201, worker-0301, worker-0401');
});

test('a failed run leaves the failed phase on the screen, and the open ones as stopped', async () => {
  const { screen, reporter } = make('screen');
  play(reporter, failedRun);
  await reporter.close();
  expect(screen.text).toMatch(/✖ apiserver .*gate failed\n {4}connection refused on 6443 \(cp-3\)/);
  const cut = make('screen');
  play(cut.reporter, threeHosts.slice(0, 200));
  await cut.reporter.close();
  expect(cut.screen.text).toMatch(/↓ apiserver /);
});

test('a question has the screen for itself, and the rows go on below the answer', async () => {
  const { screen, reporter } = make('screen');
  const split = threeHosts.findIndex((event) => event.type === 'planned') + 1;
  play(reporter, threeHosts.slice(0, split));
  reporter.print('the plan');
  const input = Object.assign(new PassThrough(), { isTTY: true });
  const answer = confirm('Apply this?', { input: input as unknown as NodeJS.ReadStream, output: screen.stream });
  await until(() => screen.text.includes('Apply this?'));
  // What happens meanwhile is shown later.
  play(reporter, threeHosts.slice(split, 100));
  expect(screen.lines.at(-1)).toMatch(/^Apply this\? \[y\/N\]/);
  input.write('y\r');
  expect(await answer).toBe(true);
  await until(() => screen.text.includes('certificates'));
  await reporter.close();
  const places = ['observe', 'the plan', 'Apply this?', 'certificates'].map((word) => screen.text.indexOf(word));
  expect(places).toEqual([...places].sort((a, b) => a - b));
  expect(screen.text.match(/✔ observe/g)).toHaveLength(1);
});

test('an exception in drawing ends the screen and not the run: lines follow', async () => {
  const { screen, reporter } = make('screen', {
    now: () => {
      throw new Error('no clock');
    },
  });
  play(reporter, threeHosts.slice(0, 20));
  await until(() => screen.text.includes('no clock'));
  play(reporter, threeHosts.slice(20));
  await reporter.close();
  expect(screen.text).toContain('The live display failed (Error: no clock); the run goes on.');
  expect(screen.text).toContain('[ 18.0s] addons: gate passed');
});

test('an exception in counting is not thrown either', async () => {
  const broken = jest.spyOn(Progress.prototype, 'take').mockImplementation(() => {
    throw new Error('cannot count');
  });
  const { screen, reporter } = make('screen');
  expect(() => play(reporter, threeHosts)).not.toThrow();
  await reporter.close();
  broken.mockRestore();
  expect(screen.text).toContain('cannot count');
});

test('a reader that goes away does not end the run', async () => {
  const gone = new Pipe();
  gone._write = (_chunk, _encoding, done): void => done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
  const { reporter } = make('pipe', { stdout: gone.stream });
  play(reporter, threeHosts);
  await new Promise((resolve) => setImmediate(resolve));
  expect(() => reporter.print('more')).not.toThrow();
  await reporter.close();
});

test('the clock of the screen does not keep the process alive, and nothing is drawn after the end', async () => {
  const started = jest.spyOn(globalThis, 'setInterval');
  const { screen, reporter } = make('screen');
  play(reporter, threeHosts.slice(0, 50));
  await until(() => screen.text.includes('uploads'));
  await reporter.close();
  const timers = started.mock.results.map(({ value }) => value as NodeJS.Timeout);
  started.mockRestore();
  expect(timers.length).toBeGreaterThan(0);
  expect(timers.filter((timer) => timer.hasRef())).toEqual([]);
  const end = screen.text;
  reporter.emit(threeHosts[60]!);
  expect(screen.text).toBe(end);
});

test('characters of double width do not garble the screen', async () => {
  const { screen, reporter } = make('screen');
  reporter.emit({ type: 'host', host: 'cp-1', state: 'failed', message: '漢字'.repeat(60), at: 1 });
  reporter.emit({ type: 'host', host: 'cp-2', state: 'connecting', at: 1 });
  await until(() => screen.text.includes('observe'));
  reporter.print('after the first frame');
  await until(() => screen.text.includes('after the first frame'));
  expect(screen.lines.filter((line) => line.includes('observe'))).toHaveLength(1);
  await reporter.close();
});

test('the same warning of many hosts is printed three times above the screen and counted at the end', async () => {
  const { screen, reporter } = make('screen');
  for (let host = 1; host <= 9; host += 1)
    reporter.emit({ type: 'warning', host: `w-${host}`, message: 'the clock is off', at: 1 });
  reporter.emit({ type: 'finished', ok: true, exitCode: 0, seconds: 1, changed: 0, failedHosts: [], at: 2 });
  await reporter.close();
  expect(screen.lines).toEqual([
    'warning: w-1: the clock is off',
    'warning: w-2: the clock is off',
    'warning: w-3: the clock is off',
    'warning: 6 times more: the clock is off',
    '',
  ]);
});

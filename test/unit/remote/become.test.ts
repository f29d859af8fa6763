import { execFileSync, spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { becomeCommand, StartWatch } from '../../../src/remote/become.ts';

const marker = 'kbin-1234';

test('a plain command is the script for sh and nothing else', () => {
  expect(becomeCommand({ method: 'none', script: "echo 'it'" })).toBe(`sh -c 'echo '\\''it'\\'''`);
});

test('sudo never asks without a password, and reads one from standard input with it', () => {
  expect(becomeCommand({ method: 'sudo', script: 'id', marker })).toBe(
    `sudo -n -H -- sh -c 'echo '\\''kbin-1234-start'\\'' >&2\nid'`,
  );
  expect(becomeCommand({ method: 'sudo-password', script: 'id', marker })).toBe(
    `sudo -S -H -p 'kbin-1234-password' -- sh -c 'echo '\\''kbin-1234-start'\\'' >&2\nid'`,
  );
});

test('sudo without a marker is a mistake of the caller', () => {
  expect(() => becomeCommand({ method: 'sudo', script: 'id' })).toThrow('marker');
});

test('a marked command announces itself and keeps its exit code', () => {
  const line = becomeCommand({ method: 'none', script: 'echo out; exit 5', marker });
  const { stdout, stderr, status } = spawnSync('sh', ['-c', line]);
  expect([stdout.toString(), stderr.toString(), status]).toEqual(['out\n', 'kbin-1234-start\n', 5]);
});

test('whatever a script prints arrives as it was, through two shells', () => {
  const texts = fc.string({ unit: 'binary', maxLength: 60 }).map((text) => text.replaceAll('\0', ''));
  fc.assert(
    fc.property(texts, (text) => {
      const script = `cat <<'KBIN-END'\n${text}\nKBIN-END\n`;
      const printed = execFileSync('sh', ['-c', becomeCommand({ method: 'none', script })]);
      expect(printed.equals(Buffer.from(`${text}\n`))).toBe(true);
    }),
    { numRuns: 40 },
  );
});

describe('the watch for the start', () => {
  const whole = `Lecture.\n${marker}-password\n${marker}-start\nthe command’s own\n${marker}-start\n`;

  test.each([1, 3, 7, 1000])('finds markers in chunks of %i bytes and strips them', (size) => {
    const watch = new StartWatch(marker);
    const bytes = Buffer.from(whole);
    const own: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) own.push(watch.feed(bytes.subarray(at, at + size)));
    expect(Buffer.concat(own).toString()).toBe(`the command’s own\n${marker}-start\n`);
    expect(watch).toMatchObject({ prompts: 1, hasStarted: true });
    expect(watch.preamble).toBe('Lecture.\n\n');
  });

  test('counts every prompt', () => {
    const watch = new StartWatch(marker);
    watch.feed(Buffer.from(`${marker}-password`));
    expect(watch.prompts).toBe(1);
    watch.feed(Buffer.from(`Sorry, try again.\n${marker}-pass`));
    expect(watch.prompts).toBe(1);
    watch.feed(Buffer.from('word'));
    expect(watch).toMatchObject({ prompts: 2, hasStarted: false });
    expect(watch.preamble).toBe('Sorry, try again.\n');
  });

  test('keeps memory small when the start never comes', () => {
    const watch = new StartWatch(marker);
    for (let count = 0; count < 100; count += 1) watch.feed(Buffer.alloc(10_000, 'x'));
    expect(watch.preamble.length).toBeLessThanOrEqual(64 * 1024);
  });
});

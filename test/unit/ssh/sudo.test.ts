import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Secret } from '../../../src/model/secret.ts';
import { becomeCommand, type BecomeMethod } from '../../../src/remote/become.ts';
import { converse, type Said, type Talk } from '../../../src/ssh/converse.ts';
import { childExec } from '../../../src/ssh/exec.ts';

/** A sudo that behaves as FAKE_SUDO says; it notes every line it reads. */
const SUDO = `#!/bin/sh
while [ "$1" != -- ]; do [ "$1" = -p ] && { prompt=$2; shift; }; shift; done
shift
ask() { printf %s "$prompt" >&2; IFS= read -r line || exit 1; echo "$line" >> "$FAKE_LOG"; }
case $FAKE_SUDO in
  free) ;;
  warns) echo 'sudo: unable to resolve host box' >&2; sleep 0.2 ;;
  asks) echo 'We trust you have received the usual lecture.' >&2; ask; [ "$line" = 'right "pass" $word' ] || { echo 'Sorry, try again.' >&2; ask; exit 1; } ;;
  refuses) echo 'sudo: a password is required' >&2; exit 1 ;;
  hangs) printf 'Verification code: ' >&2; sleep 20; exit 1 ;;
  missing) exit 127 ;;
esac
exec "$@"
`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kbin-sudo-'));
  writeFileSync(join(folder, 'sudo'), SUDO);
  chmodSync(join(folder, 'sudo'), 0o755);
});
beforeEach(() => writeFileSync(join(folder, 'log'), ''));
afterAll(() => rmSync(folder, { recursive: true }));

interface Case {
  sudo: string;
  method?: BecomeMethod;
  script?: string;
  talk?: Partial<Talk>;
}

function run({ sudo, method = 'sudo-password', script = 'cat; echo own >&2; exit 1', talk = {} }: Case): Promise<Said> {
  const marker = 'kbin-test';
  const env = { PATH: `${folder}:${process.env['PATH'] ?? ''}`, FAKE_SUDO: sudo, FAKE_LOG: join(folder, 'log') };
  const line = becomeCommand({ method, script, marker });
  const child = spawn('sh', ['-c', line], { detached: true, stdio: 'pipe', env });
  const password = new Secret('right "pass" $word');
  const all = {
    host: 'box',
    method,
    marker,
    password,
    input: 'the input',
    timeoutSeconds: 20,
    startSeconds: 10,
    ...talk,
  };
  return converse(childExec(child), all);
}

const log = () => readFileSync(join(folder, 'log'), 'utf8');

test('the password answers the prompt once, the input follows, the markers are gone', async () => {
  const { output, hasStarted } = await run({ sudo: 'asks' });
  expect(output).toEqual({ exitCode: 1, stdout: 'the input', stderr: 'own\n' });
  expect(hasStarted).toBe(true);
  expect(log()).toBe('right "pass" $word\n');
});

test.each(['free', 'warns'])('a password that nobody asks for reaches nobody (%s)', async (sudo) => {
  const { output } = await run({ sudo });
  expect(output).toEqual({ exitCode: 1, stdout: 'the input', stderr: 'own\n' });
});

test('a stream follows the password', async () => {
  const input = Readable.from([Buffer.alloc(100_000, 'x'), Buffer.from('end')]);
  const { output } = await run({ sudo: 'asks', script: 'wc -c', talk: { input } });
  expect(output.stdout.trim()).toBe('100003');
});

test('a wrong password is tried once, and told without it', async () => {
  const failing = run({ sudo: 'asks', talk: { password: new Secret('poison') } });
  await expect(failing).rejects.toMatchObject({
    code: 'AUTH',
    message: 'sudo on box refused the password.',
    host: 'box',
  });
  expect(log()).toBe('poison\n');
});

test('sudo that wants a password and has none is a refusal, told apart from a script that exits 1', async () => {
  const refused = run({ sudo: 'refuses', method: 'sudo' });
  await expect(refused).rejects.toMatchObject({ code: 'AUTH', evidence: ['sudo: a password is required'] });
  const ran = await run({ sudo: 'free', method: 'sudo', script: 'echo sudo: a password is required >&2; exit 1' });
  expect(ran.output).toMatchObject({ exitCode: 1, stderr: 'sudo: a password is required\n' });
});

test('a host without sudo is told so', async () => {
  await expect(run({ sudo: 'missing', method: 'sudo' })).rejects.toMatchObject({
    code: 'AUTH',
    message: 'box has no sudo.',
  });
});

test('sudo that waits for something else is slow, not denied, and its question is shown', async () => {
  const hanging = run({ sudo: 'hangs', talk: { startSeconds: 0.3 } });
  await expect(hanging).rejects.toMatchObject({ code: 'TIMEOUT', evidence: ['Verification code: '] });
  await expect(run({ sudo: 'hangs', talk: { timeoutSeconds: 0.3 } })).rejects.toMatchObject({
    code: 'TIMEOUT',
    message: expect.stringContaining('slow'),
  });
});

test('a command that takes too long is not sudo’s fault', async () => {
  const late = run({ sudo: 'asks', script: 'echo busy >&2; sleep 20', talk: { timeoutSeconds: 1, startSeconds: 0.9 } });
  await expect(late).rejects.toMatchObject({
    code: 'TIMEOUT',
    message: expect.stringContaining('did not end within 1 s'),
    evidence: ['busy'],
  });
});

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { KbinError } from '../../../src/errors.ts';
import { exclusively } from '../../../src/pki/kubeconfigLock.ts';
import { temporaryDirectory } from './samples.ts';

const directory = temporaryDirectory();
let locks = 0;
const newLock = (): string => join(directory, `${(locks += 1)}.lock`);
const done = () => Promise.resolve('done');
/** Process ids end below this number (proc(5), pid_max). */
const DEAD = 4_194_999;

test('the lock names its maker while the work is done, and goes also when the work fails', async () => {
  const lock = newLock();
  const seen = await exclusively(lock, () => Promise.resolve(readFileSync(lock, 'utf8')));
  expect(seen).toBe(`${process.pid} ${hostname()}`);
  await expect(exclusively(lock, () => Promise.reject(new Error('work')))).rejects.toThrow('work');
  expect(existsSync(lock)).toBe(false);
});

test('the lock of a process of this machine that has died is removed', async () => {
  const lock = newLock();
  writeFileSync(lock, `${DEAD} ${hostname()}`);
  expect(await exclusively(lock, done)).toBe('done');
});

test.each([
  ['', ''],
  [`${DEAD} another-machine`, `, made by process ${DEAD} on another-machine`],
  [`${process.pid} ${hostname()}`, `, made by process ${process.pid} on ${hostname()}`],
])('a lock of %j that stays is told and left alone', async (maker, told) => {
  const lock = newLock();
  writeFileSync(lock, maker);
  const error: unknown = await exclusively(lock, done, 3).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(KbinError);
  expect((error as KbinError).message).toBe(`${lock} is there${told}`);
  expect((error as KbinError).code).toBe('LOCKED');
  expect(readFileSync(lock, 'utf8')).toBe(maker);
});

test('somebody who is removing a dead lock is not overtaken', async () => {
  const lock = newLock();
  writeFileSync(lock, `${DEAD} ${hostname()}`);
  writeFileSync(`${lock}.removing`, '');
  await expect(exclusively(lock, done, 3)).rejects.toThrow('is there, made by process');
});

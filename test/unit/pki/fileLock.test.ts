import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { KbinError } from '../../../src/errors.ts';
import { exclusively } from '../../../src/pki/fileLock.ts';
import { ownMark } from '../../../src/pki/lockMaker.ts';
import { openPkiStore } from '../../../src/pki/store.ts';
import { SPECS } from './lockSamples.ts';
import { DEAD, NOW, temporaryDirectory } from './samples.ts';

const directory = temporaryDirectory();
let locks = 0;
const newLock = (): string => join(directory, `${(locks += 1)}.lock`);
const WAITING = { attempts: 3, what: 'the file' };
const done = () => Promise.resolve('done');
const took = (lock: string) => exclusively(lock, done, WAITING);
const HERE = `${process.pid} ${hostname()}`;
const [, , BOOT = '', NAMESPACE = '', STARTED = ''] = ownMark().split(' ');
/** What only Linux tells. */
const testOnLinux = BOOT === '-' ? test.skip : test;

test('the lock names its maker while the work is done, and goes also when the work fails', async () => {
  const lock = newLock();
  const seen = await exclusively(lock, () => Promise.resolve(readFileSync(lock, 'utf8')), WAITING);
  expect(seen.startsWith(`${HERE} `)).toBe(true);
  await expect(exclusively(lock, () => Promise.reject(new Error('work')), WAITING)).rejects.toThrow('work');
  expect(existsSync(lock)).toBe(false);
});

test.each([`${DEAD} ${hostname()}`, `${DEAD} ${hostname()} - - -`])(
  'the lock of a process of this machine that has died is removed: %s',
  async (maker) => {
    const lock = newLock();
    writeFileSync(lock, maker);
    expect(await took(lock)).toBe('done');
  },
);

testOnLinux('so is that of an earlier process with the same number, or of an earlier boot', async () => {
  const makers = [
    `${HERE} ${BOOT} ${NAMESPACE} ${Number(STARTED) - 1}`,
    `${HERE} another-boot ${NAMESPACE} ${STARTED}`,
  ];
  for (const maker of makers) {
    const lock = newLock();
    writeFileSync(lock, maker);
    expect(await took(lock)).toBe('done');
  }
});

const told = (process: number, machine: string): string => `, made by process ${process} on ${machine}`;

test.each([
  ['', ''],
  ['kubectl', ''],
  [`${DEAD} another-machine`, told(DEAD, 'another-machine')],
  [`${DEAD} another-machine another-boot - 1`, told(DEAD, 'another-machine')],
  [HERE, told(process.pid, hostname())],
  [ownMark(), told(process.pid, hostname())],
  // In another container nobody knows the numbers of this one.
  [`${DEAD} ${hostname()} ${BOOT} pid:[1] 1`, told(DEAD, hostname())],
])('a lock of %j that stays is told and left alone', async (maker, made) => {
  const lock = newLock();
  writeFileSync(lock, maker);
  const error: unknown = await took(lock).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(KbinError);
  expect(error).toMatchObject({
    code: 'LOCKED',
    message: `${lock} is there${made}`,
    hint: 'Another command is changing the file. If there is none, as after a crash, remove the lock and try again.',
  });
  expect(readFileSync(lock, 'utf8')).toBe(maker);
});

test('somebody who is removing a dead lock is not overtaken', async () => {
  const lock = newLock();
  writeFileSync(lock, `${DEAD} ${hostname()}`);
  writeFileSync(`${lock}.removing`, '');
  await expect(took(lock)).rejects.toThrow('is there, made by process');
});

/** A process that holds a lock until it is killed. */
async function holder(lock: string): Promise<ChildProcess> {
  const program = `
    const { hostname } = require('node:os');
    require('node:fs').writeFileSync(process.argv[1], process.pid + ' ' + hostname(), { flag: 'wx' });
    process.stdout.write('held');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['-e', program, lock], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}

test('whoever writes the store waits for another process that does, and goes on when it has died', async () => {
  const pki = join(directory, 'pki');
  const other = await holder(`${pki}.lock`);
  try {
    let isIssued = false;
    const issued = openPkiStore(pki)
      .issueAll(SPECS, NOW)
      .then(() => (isIssued = true));
    // Whoever asks after it waits no less.
    await expect(took(`${pki}.lock`)).rejects.toMatchObject({ code: 'LOCKED' });
    expect([isIssued, existsSync(pki)]).toEqual([false, false]);
    other.kill('SIGKILL');
    await issued;
    expect(Object.keys(await openPkiStore(pki).list())).toHaveLength(SPECS.length);
    expect(existsSync(`${pki}.lock`)).toBe(false);
  } finally {
    other.kill('SIGKILL');
  }
});

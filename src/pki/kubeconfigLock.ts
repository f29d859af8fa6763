import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { KbinError } from '../errors.ts';
import { systemCode } from './journal.ts';

const POLL_MILLISECONDS = 20;
const ATTEMPTS = 500;

/**
 * Does work while no other process does work under the same lock file, which is there meanwhile. kubectl makes such a
 * file too, `FILE.lock` (k8s.io/client-go, tools/clientcmd/loader.go). Throws LOCKED when the file stays there for ten
 * seconds; one whose process has died is removed.
 */
export async function exclusively<T>(lock: string, work: () => Promise<T>, attempts = ATTEMPTS): Promise<T> {
  await take(lock, attempts);
  try {
    return await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

async function take(lock: string, attempts: number): Promise<void> {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    if (isMade(lock)) return;
    removeAbandoned(lock);
    await pause(POLL_MILLISECONDS);
  }
  const [id, machine] = makerOf(lock).split(' ');
  const maker = machine === undefined ? '' : `, made by process ${id ?? ''} on ${machine}`;
  throw new KbinError('LOCKED', `${lock} is there${maker}`, {
    hint: 'Another command is changing the file. If there is none, as after a crash, remove the lock and try again.',
  });
}

/** Makes a lock file that names this process and machine; false where there is one. */
function isMade(lock: string): boolean {
  try {
    const file = openSync(lock, 'wx', 0o600);
    try {
      writeSync(file, `${process.pid} ${hostname()}`);
    } finally {
      closeSync(file);
    }
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/** What a lock file says of its maker; empty where it says nothing, as kubectl's. */
function makerOf(lock: string): string {
  try {
    return readFileSync(lock, 'utf8').trim();
  } catch {
    return '';
  }
}

/** True only where it was made on this machine: of processes elsewhere nothing is known. */
function isAbandoned(lock: string): boolean {
  const [, id, machine] = /^(\d+) (.+)$/.exec(makerOf(lock)) ?? [];
  if (id === undefined || machine !== hostname()) return false;
  try {
    process.kill(Number(id), 0);
    return false;
  } catch (error) {
    return systemCode(error) === 'ESRCH';
  }
}

/** Under a second lock: somebody else may have removed it just now, and made one that is not abandoned. */
function removeAbandoned(lock: string): void {
  const guard = `${lock}.removing`;
  if (!isAbandoned(lock) || !isMade(guard)) return;
  try {
    if (isAbandoned(lock)) rmSync(lock, { force: true });
  } finally {
    rmSync(guard, { force: true });
  }
}

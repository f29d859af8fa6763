import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { KbinError } from '../errors.ts';
import { systemCode } from './journal.ts';
import { isGone, ownMark, shownMaker } from './lockMaker.ts';

const POLL_MILLISECONDS = 20;

export interface Waiting {
  /** How often the lock file is looked for, 20 ms apart. */
  attempts: number;
  /** What others are changing, for a message. */
  what: string;
}

/**
 * Does work while no other process does work under the same lock file, which is there meanwhile. kubectl makes such a
 * file too, `FILE.lock` (k8s.io/client-go, tools/clientcmd/loader.go). Throws LOCKED when the file stays there; one whose
 * process has died is removed. Never inside work under the same lock: it would wait for itself.
 */
export async function exclusively<T>(lock: string, work: () => Promise<T>, waiting: Waiting): Promise<T> {
  await take(lock, waiting);
  try {
    return await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

async function take(lock: string, { attempts, what }: Waiting): Promise<void> {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    if (isMade(lock)) return;
    removeAbandoned(lock);
    await pause(POLL_MILLISECONDS);
  }
  const maker = shownMaker(markIn(lock));
  throw new KbinError('LOCKED', `${lock} is there${maker === '' ? '' : `, made by ${maker}`}`, {
    hint: `Another command is changing ${what}. If there is none, as after a crash, remove the lock and try again.`,
  });
}

/** Makes a lock file that names this process; false where there is one. */
function isMade(lock: string): boolean {
  try {
    const file = openSync(lock, 'wx', 0o600);
    try {
      writeSync(file, ownMark());
    } catch (error) {
      // On a full disk it would stay, and nobody could tell whose it is.
      rmSync(lock, { force: true });
      throw error;
    } finally {
      closeSync(file);
    }
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
}

function markIn(lock: string): string {
  try {
    return readFileSync(lock, 'utf8');
  } catch {
    return '';
  }
}

/** Under a second lock: somebody else may have removed it just now, and made one that is not abandoned. */
function removeAbandoned(lock: string): void {
  const guard = `${lock}.removing`;
  if (!isGone(markIn(lock)) || !isMade(guard)) return;
  try {
    if (isGone(markIn(lock))) rmSync(lock, { force: true });
  } finally {
    rmSync(guard, { force: true });
  }
}

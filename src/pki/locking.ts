import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { KbinError } from '../errors.ts';
import { Secret } from '../model/secret.ts';
import { changing } from './access.ts';
import { type Audience, decryptText, encryptText, type Identity } from './age.ts';
import { finishPending, type NewFile, writeTogether } from './journal.ts';
import { LOCKED_END } from './layout.ts';
import { keyringOf, LOCK, LOCK_IDENTITY, type Lock, lockedFile, newLock, readLock, type Unlock } from './lock.ts';
import { checkSecret, lockedSecrets, readableSecrets } from './secrets.ts';
import { damaged, readText } from './stored.ts';

/**
 * Locks the keys of the store's own authorities, of all generations, and every secret of what is retired: those that never
 * leave this machine. All at once or none. In a locked store, without an audience, what became readable meanwhile is
 * locked again. With an identity nothing is written unless it opens what is locked. Returns the places of what it locked.
 * Throws PKI for a store that is damaged, or locked already.
 */
export const lockStore = (directory: string, audience: Audience | undefined, proof?: Identity): Promise<string[]> =>
  changing(directory, async () => {
    const readable = await readableFiles(directory);
    const { lock, files } = await lockFor(directory, audience);
    if (proof !== undefined) await prove(lock, proof);
    const locked = await Promise.all(readable.map((file) => lockedFile(lock, file)));
    const places = placesIn(readable);
    if (files.length + locked.length > 0) await writeTogether(directory, [...locked, ...files], places);
    return places;
  });

/** Makes everything that is locked readable again. Returns its places. Throws PKI when it stays locked; nothing is written then. */
export const unlockStore = (directory: string, unlock: Unlock): Promise<string[]> =>
  changing(directory, async () => {
    const { locked, opened } = await openedFiles(directory, unlock);
    await writeTogether(directory, opened, [...locked, ...[LOCK, LOCK_IDENTITY].filter(isThere(directory))]);
    return placesIn(opened);
  });

/** Locks the same for another audience. Returns its places. Throws PKI when what locks it now is not opened. */
export const rekeyStore = (directory: string, unlock: Unlock, audience: Audience): Promise<string[]> =>
  changing(directory, async () => {
    const { opened } = await openedFiles(directory, unlock);
    const readable = await readableFiles(directory);
    const all = [...opened, ...readable];
    const { lock, files } = await newLock(audience);
    const locked = await Promise.all(all.map((file) => lockedFile(lock, file)));
    const left = lock.hasPassphrase ? [] : [LOCK_IDENTITY].filter(isThere(directory));
    await writeTogether(directory, [...locked, ...files], [...placesIn(readable), ...left]);
    return placesIn(all);
  });

const placesIn = (files: readonly NewFile[]): string[] => files.map(({ path }) => path);

const isThere =
  (directory: string) =>
  (path: string): boolean =>
    existsSync(join(directory, path));

const fileOf = (path: string, body: Secret): NewFile => ({ path, body, isPermanent: false });

/** What is to be locked, as it is. */
const readableFiles = async (directory: string): Promise<NewFile[]> =>
  (await readableSecrets(directory)).map((path) => {
    const text = readText(join(directory, path));
    if (text === undefined) throw damaged(join(directory, path), 'is missing');
    return fileOf(path, new Secret(text));
  });

async function lockFor(directory: string, audience: Audience | undefined): Promise<{ lock: Lock; files: NewFile[] }> {
  const lock = readLock(directory);
  if (lock === null && audience !== undefined) return newLock(audience);
  if (lock !== null && audience === undefined) return { lock, files: [] };
  if (lock === null)
    throw new KbinError('USAGE', 'nothing says who can open the keys', {
      hint: 'Write --recipient age1…, or --passphrase.',
    });
  throw lockedAlready(directory);
}

export const lockedAlready = (directory: string): KbinError =>
  new KbinError('PKI', `the CA keys in ${directory} are locked already`, {
    hint: 'kbin certs rekey locks them for others.',
  });

/** Throws PKI where nothing is locked. */
export function assertLocked(directory: string): void {
  if (readLock(directory) !== null) return;
  throw new KbinError('PKI', `the CA keys in ${directory} are not locked`, { hint: 'kbin certs lock locks them.' });
}

async function prove({ recipients }: Lock, proof: Identity): Promise<void> {
  const sample = await encryptText(new Secret('sample'), { recipients });
  if ((await decryptText(sample, proof)) !== undefined) return;
  throw new KbinError('PKI', 'the identity that was given belongs to none of these recipients', {
    hint: 'age-keygen -y FILE prints the recipient of an identity. Nothing was locked.',
  });
}

/** Everything that is locked as the readable files that it was, not yet written. */
async function openedFiles(directory: string, unlock: Unlock): Promise<{ locked: string[]; opened: NewFile[] }> {
  await finishPending(directory);
  assertLocked(directory);
  const keyring = keyringOf(directory, unlock);
  const opened: NewFile[] = [];
  for (const path of lockedSecrets(directory)) {
    const body = await keyring.open(join(directory, `${path}${LOCKED_END}`));
    checkSecret(directory, path, body);
    opened.push(fileOf(path, body));
  }
  return { locked: opened.map(({ path }) => `${path}${LOCKED_END}`), opened };
}

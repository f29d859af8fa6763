import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { KbinError } from '../errors.ts';
import { Secret } from '../model/secret.ts';
import { type Audience, decryptText, encryptText, type Identity, looksLikeRecipient, newIdentity } from './age.ts';
import type { NewFile } from './journal.ts';
import { LOCKED_END } from './layout.ts';
import { damaged, readText } from './stored.ts';

/** How the keys of the store's own authorities are locked; absent where they are not. */
export const LOCK = 'lock.json';
/**
 * With a passphrase: an identity that opens the keys, itself encrypted with the passphrase. So a passphrase is tried once
 * for all keys, and a new authority can be locked without asking for it.
 */
export const LOCK_IDENTITY = 'identity.age';

export interface Lock {
  /** For whom every key is encrypted: `age1…`. */
  recipients: readonly string[];
  hasPassphrase: boolean;
}

/** Asks whoever has it for what opens the keys. */
export type Unlock = (lock: Lock) => Promise<Identity>;

/** Throws PKI for a record that cannot be read. */
export function readLock(directory: string): Lock | null {
  const path = join(directory, LOCK);
  const text = readText(path);
  if (text === undefined) return null;
  const lock = lockIn(text);
  if (lock === undefined) throw damaged(path, 'is damaged');
  return lock;
}

function lockIn(text: string): Lock | undefined {
  try {
    const { recipients, passphrase = false } = JSON.parse(text) as Partial<Record<string, unknown>>;
    if (!Array.isArray(recipients) || recipients.length === 0 || typeof passphrase !== 'boolean') return undefined;
    const texts = recipients.map(String);
    return texts.every(looksLikeRecipient) ? { recipients: texts, hasPassphrase: passphrase } : undefined;
  } catch {
    return undefined;
  }
}

/** A lock for this audience, and the files that record it, not yet written. */
export async function newLock(audience: Audience): Promise<{ lock: Lock; files: NewFile[] }> {
  if ('recipients' in audience) {
    const { recipients } = audience;
    return { lock: { recipients, hasPassphrase: false }, files: [recordFile({ recipients })] };
  }
  const { identity, recipient } = await newIdentity();
  const recipients = [recipient];
  return {
    lock: { recipients, hasPassphrase: true },
    files: [
      recordFile({ recipients, passphrase: true }),
      { path: LOCK_IDENTITY, body: await encryptText(identity, audience), isPermanent: false },
    ],
  };
}

const recordFile = (record: object): NewFile => ({
  path: LOCK,
  body: `${JSON.stringify(record, null, 1)}\n`,
  isPermanent: false,
});

/** A file as it is kept when it is locked: `NAME.key` as `NAME.key.age`. */
export async function lockedFile(lock: Lock, file: NewFile): Promise<NewFile> {
  const body = typeof file.body === 'string' ? new Secret(file.body) : file.body;
  return { ...file, path: `${file.path}${LOCKED_END}`, body: await encryptText(body, { recipients: lock.recipients }) };
}

/** Opens locked keys of one store, in memory. */
export interface Keyring {
  /** The key in this file, as PEM. Throws PKI when nothing opens it, and when it is damaged. */
  open(path: string): Promise<Secret>;
}

/** Asks for what opens the keys with the first that is opened, and never again. */
export function keyringOf(directory: string, unlock?: Unlock): Keyring {
  let identity: Promise<Identity> | undefined;
  return {
    open: async (path) => {
      const text = readText(path);
      if (text === undefined) throw damaged(path, 'is missing');
      identity ??= unlocked(directory, unlock);
      const opened = await opening(path, text, await identity);
      if (opened !== undefined) return opened;
      throw new KbinError('PKI', `${path} is locked, and the identity that was given does not open it`, {
        hint: 'Name the identity file of one of its recipients: --identity FILE, or KBIN_AGE_IDENTITY.',
        evidence: recipientsOf(directory),
      });
    },
  };
}

async function opening(path: string, text: string, identity: Identity): Promise<Secret | undefined> {
  try {
    return await decryptText(text, identity);
  } catch (error) {
    throw damaged(path, (error as Error).message);
  }
}

const recipientsOf = (directory: string): string[] =>
  (readLock(directory)?.recipients ?? []).map((recipient) => `recipient ${recipient}`);

async function unlocked(directory: string, unlock: Unlock | undefined): Promise<Identity> {
  const path = join(directory, LOCK_IDENTITY);
  const lock = readLock(directory) ?? { recipients: [], hasPassphrase: existsSync(path) };
  if (unlock === undefined) {
    throw new KbinError('PKI', `the CA keys in ${directory} are locked`, { hint: 'Unlock them: kbin certs unlock.' });
  }
  const given = await unlock(lock);
  if (!lock.hasPassphrase) return given;
  const text = readText(path);
  if (text === undefined) throw damaged(path, 'is missing');
  const own = await opening(path, text, given);
  if (own !== undefined) return { keys: [own] };
  throw new KbinError('PKI', `this is not the passphrase of the CA keys in ${directory}`, {
    hint: 'Run the same command again with the right one. Without it the keys stay locked.',
  });
}

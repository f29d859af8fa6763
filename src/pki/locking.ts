import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { KbinError } from '../errors.ts';
import type { CertificateName, StoredCertificate } from '../model/pki.ts';
import { Secret } from '../model/secret.ts';
import { guarded } from './access.ts';
import { type Audience, decryptText, encryptText, type Identity } from './age.ts';
import { readCertificate } from './certificate.ts';
import { finishPending, type NewFile, writeTogether } from './journal.ts';
import { parsePrivateKey } from './keys.ts';
import { placesOf } from './layout.ts';
import { keyringOf, LOCK, LOCK_IDENTITY, type Lock, lockedKey, newLock, readLock, type Unlock } from './lock.ts';
import { openPkiStore } from './store.ts';
import { damaged, readingFrom, readText } from './stored.ts';

const RETIRED = 'retired';
const LOCKED = '.key.age';

/**
 * Locks the keys of the store's own authorities, of all generations, and every retired key: those that never leave this
 * machine. All at once or none. In a locked store, without an audience, what became readable meanwhile is locked again.
 * With an identity nothing is written unless it opens what is locked. Returns the places of the keys.
 * Throws PKI for a store that is damaged, or locked already.
 */
export const lockStore = (directory: string, audience: Audience | undefined, proof?: Identity): Promise<string[]> =>
  guarded(directory, async () => {
    const readable = await readableKeys(directory);
    const { lock, files } = await lockFor(directory, audience);
    if (proof !== undefined) await prove(lock, proof);
    const locked = await Promise.all(readable.map((path) => lockedKey(lock, keyFile(path, readKey(directory, path)))));
    if (files.length + locked.length > 0) await writeTogether(directory, [...locked, ...files], readable);
    return readable;
  });

/** Makes every locked key readable again. Returns their places. Throws PKI when they stay locked; nothing is written then. */
export const unlockStore = (directory: string, unlock: Unlock): Promise<string[]> =>
  guarded(directory, async () => {
    const { locked, keys } = await openedKeys(directory, unlock);
    await writeTogether(directory, keys, [...locked, ...[LOCK, LOCK_IDENTITY].filter(isThere(directory))]);
    return keys.map(({ path }) => path);
  });

/** Locks the same keys for another audience. Returns their places. Throws PKI when what locks them now is not opened. */
export const rekeyStore = (directory: string, unlock: Unlock, audience: Audience): Promise<string[]> =>
  guarded(directory, async () => {
    const { keys } = await openedKeys(directory, unlock);
    const readable = await readableKeys(directory);
    const all = [...keys, ...readable.map((path) => keyFile(path, readKey(directory, path)))];
    const { lock, files } = await newLock(audience);
    const locked = await Promise.all(all.map((file) => lockedKey(lock, file)));
    const left = lock.hasPassphrase ? [] : [LOCK_IDENTITY].filter(isThere(directory));
    await writeTogether(directory, [...locked, ...files], [...readable, ...left]);
    return all.map(({ path }) => path);
  });

const isThere =
  (directory: string) =>
  (path: string): boolean =>
    existsSync(join(directory, path));

const keyFile = (path: string, body: Secret): NewFile => ({ path, body, isPermanent: false });

function readKey(directory: string, path: string): Secret {
  const text = readText(join(directory, path));
  if (text === undefined) throw damaged(join(directory, path), 'is missing');
  return new Secret(text);
}

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

/** Its key goes to hosts, also where the operator gave an authority that is below no other one of the store. */
const ON_HOSTS = /^kubelet-signer(?:-next|-old)?$/;

/** Authorities below no other one of the store. Keys of those below go to hosts. */
export function lockable(stored: Readonly<Record<CertificateName, StoredCertificate>>): StoredCertificate[] {
  const all = Object.values(stored);
  const isBelow = ({ keyId, issuerKeyId }: StoredCertificate): boolean =>
    keyId !== issuerKeyId && all.some((other) => other.keyId === issuerKeyId);
  return all.filter((one) => one.isAuthority && !ON_HOSTS.test(one.name) && !isBelow(one));
}

async function readableKeys(directory: string): Promise<string[]> {
  const stored = await openPkiStore(directory).list();
  const own = lockable(stored).map(({ name }) => placesOf(name).key);
  return [...own.filter(isThere(directory)), ...filesIn(directory, RETIRED).filter((path) => path.endsWith('.key'))];
}

function filesIn(directory: string, folder: string): string[] {
  const path = join(directory, folder);
  if (!existsSync(path)) return [];
  return readdirSync(path, { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file));
}

/** Every locked key as the readable file that it was, not yet written; nothing else is trusted to be one. */
async function openedKeys(directory: string, unlock: Unlock): Promise<{ locked: string[]; keys: NewFile[] }> {
  await finishPending(directory);
  assertLocked(directory);
  const keyring = keyringOf(directory, unlock);
  const here = readdirSync(directory);
  const locked = [...here, ...filesIn(directory, RETIRED)].filter((path) => path.endsWith(LOCKED));
  const keys: NewFile[] = [];
  for (const path of locked) {
    const body = await keyring.open(join(directory, path));
    checkKey(directory, path, body);
    keys.push(keyFile(path.slice(0, -'.age'.length), body));
  }
  return { locked, keys };
}

/** Throws PKI when this is no private key, or not that of the certificate beside it. */
function checkKey(directory: string, path: string, body: Secret): void {
  const file = join(directory, path);
  const key = readingFrom(file, () => parsePrivateKey(body.reveal()));
  const certificateFile = join(directory, `${path.slice(0, -LOCKED.length)}.crt`);
  const pem = readText(certificateFile);
  if (pem === undefined) return;
  const { x509 } = readingFrom(certificateFile, () => readCertificate(pem));
  if (!x509.checkPrivateKey(key)) throw damaged(file, `does not belong to ${certificateFile}`);
}

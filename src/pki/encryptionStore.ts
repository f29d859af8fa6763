import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { KbinError } from '../errors.ts';
import {
  ENCRYPTION,
  ENCRYPTION_PROVIDERS,
  isSameEncryption,
  type Encryption,
  type StoredEncryption,
} from '../model/encryption.ts';
import { generationOf, GENERATIONS, type Generation, type StoredCertificate } from '../model/pki.ts';
import { Secret } from '../model/secret.ts';
import { bareText } from './certificate.ts';
import { encryptionDocument, newEncryption, shownEncryption, type EncryptionKey } from './encryption.ts';
import { finishPending, writeTogether, type NewFile } from './journal.ts';
import { placesOf } from './layout.ts';
import { damaged, readText } from './stored.ts';

type Generations = Partial<Record<Generation, EncryptionKey>>;

const KEY_BYTES = 32;
const placeOf = (generation: Generation): string => placesOf(generationOf(ENCRYPTION, generation)).document;

const isList = (value: unknown): value is string[] =>
  Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string');

/** What a text holds; undefined when it is not what kbin writes. */
function parsed(text: string): EncryptionKey | undefined {
  const { secret, ...rest } = JSON.parse(text) as Partial<Omit<EncryptionKey, 'secret'>> & { secret?: unknown };
  const { provider, resources, key, createdAt } = rest;
  if (provider === undefined || !ENCRYPTION_PROVIDERS.includes(provider) || !isList(resources)) return undefined;
  if (typeof key !== 'string' || typeof createdAt !== 'number') return undefined;
  if (provider === 'kms' && rest.kms === undefined) return undefined;
  const own = { ...rest, provider, resources, key, createdAt };
  if (provider === 'kms' || provider === 'none') return own;
  if (typeof secret !== 'string' || Buffer.from(secret, 'base64').length !== KEY_BYTES) return undefined;
  return { ...own, secret: new Secret(secret) };
}

function readGeneration(directory: string, generation: Generation): EncryptionKey | undefined {
  const path = join(directory, placeOf(generation));
  const text = readText(path);
  return text === undefined ? undefined : encryptionKeyIn(path, text);
}

/** The generation, key and all, in the text of this file. Throws PKI, quoting nothing of it, for what is none. */
export function encryptionKeyIn(path: string, text: string): EncryptionKey {
  let own: EncryptionKey | undefined;
  try {
    own = parsed(text);
  } catch {
    // The cause is not told: it could repeat the key.
  }
  if (own === undefined) throw damaged(path, 'is damaged');
  return own;
}

/** All generations with their keys. Throws PKI for a file that is damaged, and where only the one that writes is missing. */
function readGenerations(directory: string): Generations {
  const found: Generations = {};
  for (const generation of Object.keys(GENERATIONS) as Generation[]) {
    const own = readGeneration(directory, generation);
    if (own !== undefined) found[generation] = own;
  }
  if (found.current === undefined && Object.keys(found).length > 0) {
    throw damaged(join(directory, placeOf('current')), 'is missing');
  }
  return found;
}

/** What may be shown of it; null in a store that has none. */
export async function storedEncryption(directory: string): Promise<StoredEncryption | null> {
  await finishPending(directory);
  const { current, next, old } = readGenerations(directory);
  if (current === undefined) return null;
  return {
    current: shownEncryption(current),
    ...(next === undefined ? {} : { next: shownEncryption(next) }),
    ...(old === undefined ? {} : { old: shownEncryption(old) }),
  };
}

/** The EncryptionConfiguration for hosts, keys and all. Throws PKI in a store that has none. */
export function readEncryptionDocument(directory: string): Secret {
  const { current, next, old } = readGenerations(directory);
  if (current === undefined) throw damaged(join(directory, placeOf('current')), 'is missing');
  return encryptionDocument([current, next, old].filter((own) => own !== undefined));
}

/** The EncryptionConfiguration as an entry of the store: what matters is its digest. None where there is none. */
export function listEncryption(directory: string): Record<string, StoredCertificate> {
  if (readGenerations(directory).current === undefined) return {};
  return { [ENCRYPTION]: bareText(ENCRYPTION, readEncryptionDocument(directory).reveal()) };
}

const fileOf = (generation: Generation, { secret, ...shown }: EncryptionKey): NewFile => ({
  path: placeOf(generation),
  body: new Secret(`${JSON.stringify({ ...shown, ...(secret === undefined ? {} : { secret: secret.reveal() }) })}\n`),
  isPermanent: true,
});

const made = (wanted: Encryption, now: number, before: Generations): EncryptionKey =>
  newEncryption(wanted, {
    now,
    taken: Object.values(before).map(({ key }) => key),
    random: randomBytes(KEY_BYTES),
  });

/** Makes the first generation. Throws PKI when there is one: nothing that it encrypts could be read any more. */
export async function issueEncryption(directory: string, wanted: Encryption, now: number): Promise<void> {
  await finishPending(directory);
  await writeTogether(directory, [fileOf('current', made(wanted, now, {}))]);
}

/** Why a generation without a key of kbin's cannot follow itself. */
const UNCHANGED: Readonly<Record<string, string>> = {
  none: 'nothing is encrypted, and the inventory does not want it (provider: none)',
  kms: 'the key is the KMS’s own, and the provider stays the same: rotate the key there',
};

/**
 * The next generation as a file of the store, not yet written. One that nothing is encrypted with yet may be replaced.
 * Throws PKI where it would change nothing.
 */
export function nextEncryption(directory: string, wanted: Encryption, now: number): NewFile {
  const before = readGenerations(directory);
  const unchanged = UNCHANGED[wanted.provider];
  const { current, next } = before;
  if (unchanged !== undefined && next === undefined && current !== undefined && isSameEncryption(current, wanted)) {
    throw new KbinError('PKI', unchanged, { hint: 'Change encryption in the inventory first.' });
  }
  return { ...fileOf('next', made(wanted, now, before)), isPermanent: next === undefined };
}

import type { Decrypter, Encrypter } from 'age-encryption';
import { Secret } from '../model/secret.ts';
import { fromPem } from './pem.ts';

/** Loaded when something is encrypted: reading its curves takes every command a tenth of a second. */
const library = () => import('age-encryption');

/** Who can open what is encrypted: whoever has an identity of one of these recipients, or the passphrase. */
export type Audience =
  | { recipients: readonly string[] }
  /** `workFactor`: log2 of scrypt's cost, 18 without: two to three seconds a try. Only tests take less. */
  | { passphrase: Secret; workFactor?: number };

/** What opens it. `keys`: lines that begin with AGE-SECRET-KEY. */
export type Identity = { keys: readonly Secret[] } | { passphrase: Secret };

/** Every message of the library is dropped here: some of them repeat the identity they are about. */
export class AgeDamage extends Error {
  constructor() {
    super('is damaged, or only part of a file that age encrypted');
    this.name = 'AgeDamage';
  }
}

/** True for a text with the form of a recipient whose identities kbin can use: not one of a plugin, nor an SSH key. */
export const looksLikeRecipient = (text: string): boolean => /^age1(?:pq1)?[02-9ac-hj-np-z]+$/.test(text);

/** The same, with its checksum. */
export async function isRecipient(text: string): Promise<boolean> {
  const { Encrypter } = await library();
  return looksLikeRecipient(text) && isTaken(() => new Encrypter().addRecipient(text));
}

/** True for the text of an identity: `AGE-SECRET-KEY-1…`, `AGE-SECRET-KEY-PQ-1…`. */
export async function isIdentity(text: Secret): Promise<boolean> {
  const { Decrypter } = await library();
  return isTaken(() => new Decrypter().addIdentity(text.reveal()));
}

function isTaken(take: () => void): boolean {
  try {
    take();
    return true;
  } catch {
    return false;
  }
}

/** A new identity, and the recipient for which others encrypt what it opens. */
export async function newIdentity(): Promise<{ identity: Secret; recipient: string }> {
  const { generateIdentity, identityToRecipient } = await library();
  const identity = await generateIdentity();
  return { identity: new Secret(identity), recipient: await identityToRecipient(identity) };
}

/** The library's own, for an audience. */
export async function encrypterFor(audience: Audience): Promise<Encrypter> {
  const { Encrypter } = await library();
  const encrypter = new Encrypter();
  if ('recipients' in audience) for (const recipient of audience.recipients) encrypter.addRecipient(recipient);
  else {
    encrypter.setPassphrase(audience.passphrase.reveal());
    if (audience.workFactor !== undefined) encrypter.setScryptWorkFactor(audience.workFactor);
  }
  return encrypter;
}

/**
 * What `decrypt` makes of the library's own with the identities; undefined where none of them fits. Throws AgeDamage where what it reads is damaged.
 */
export async function opened<T>(
  identity: Identity,
  decrypt: (decrypter: Decrypter) => Promise<T>,
): Promise<T | undefined> {
  const { Decrypter } = await library();
  const decrypter = new Decrypter();
  if ('passphrase' in identity) decrypter.addPassphrase(identity.passphrase.reveal());
  else for (const key of identity.keys) decrypter.addIdentity(key.reveal());
  const last = new Last();
  decrypter.addIdentity(last);
  try {
    return await decrypt(decrypter);
  } catch {
    if (last.wasAsked) return undefined;
    throw new AgeDamage();
  }
}

/** Encrypted, as a binary age file. */
export async function encryptBytes(bytes: Uint8Array, audience: Audience): Promise<Uint8Array> {
  return (await encrypterFor(audience)).encrypt(bytes);
}

/**
 * What an age file holds; undefined when it was encrypted for others. Throws AgeDamage when it
 * is damaged; what is returned is whole and as it was encrypted, but anyone may have encrypted it.
 */
export const decryptBytes = (bytes: Uint8Array, identity: Identity): Promise<Buffer | undefined> =>
  opened(identity, async (decrypter) => Buffer.from(await decrypter.decrypt(bytes)));

/** An identity that fits nothing, and is asked when none of those before it did. */
class Last {
  wasAsked = false;

  unwrapFileKey(): null {
    this.wasAsked = true;
    return null;
  }
}

/** The same as text, in age's own form of PEM. */
export async function encryptText(text: Secret, audience: Audience): Promise<string> {
  const { armor } = await library();
  return armor.encode(await encryptBytes(Buffer.from(text.reveal()), audience));
}

/** The same from text; see `decryptBytes`. */
export async function decryptText(armored: string, identity: Identity): Promise<Secret | undefined> {
  const opened = await decryptBytes(dearmored(armored), identity);
  return opened === undefined ? undefined : new Secret(opened.toString());
}

/** Bytes of an age file, whether it is binary or text. Throws an Error for a text of which a part is missing. */
export const ageBytes = (file: Buffer): Uint8Array =>
  file.toString('latin1').trimStart().startsWith('-----BEGIN') ? dearmored(file.toString('latin1')) : file;

/** Throws an Error when a text is no age file, or visibly not a whole one. */
export function checkArmored(armored: string): void {
  if (kindOf(dearmored(armored)) === undefined) throw new AgeDamage();
}

function dearmored(text: string): Uint8Array {
  try {
    return fromPem(text.replaceAll('\r\n', '\n'), ['AGE ENCRYPTED FILE']).der;
  } catch {
    throw new AgeDamage();
  }
}

/**
 * What opens an age file, as its head says; undefined for what is no age file. A passphrase is always alone.
 * Source: age-encryption.org/v1, "The header" and "The scrypt recipient type".
 */
export function kindOf(bytes: Uint8Array): 'passphrase' | 'keys' | undefined {
  const [, type] =
    /^age-encryption\.org\/v1\n-> (\S+) /.exec(Buffer.from(bytes.subarray(0, 100)).toString('latin1')) ?? [];
  if (type === undefined) return undefined;
  return type === 'scrypt' ? 'passphrase' : 'keys';
}

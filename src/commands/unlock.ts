import { readFileSync, statSync } from 'node:fs';
import { KbinError } from '../errors.ts';
import { Secret } from '../model/secret.ts';
import { ageBytes, decryptBytes, type Identity, kindOf } from '../pki/age.ts';
import { identitiesIn } from '../pki/identityFile.ts';
import type { Unlock } from '../pki/lock.ts';
import { askPassword } from '../ui/password.ts';
import { text, type Arguments, type Option } from './command.ts';

export const PASSPHRASE_VARIABLE = 'KBIN_AGE_PASSPHRASE';
const IDENTITY_VARIABLE = 'KBIN_AGE_IDENTITY';

/** For every command that may sign with an authority of a cluster. */
export const IDENTITY_OPTION: Record<string, Option> = {
  identity: { type: 'string', describe: `age identity file that opens locked CA keys; or ${IDENTITY_VARIABLE}` },
};

/** Something encrypted, in the words of messages. */
export interface Encrypted {
  what: string;
  kind: 'passphrase' | 'keys';
  evidence?: readonly string[];
}

/** Asks for what opens it. Throws PKI without an answer. */
export type AskIdentity = (encrypted: Encrypted) => Promise<Identity>;

const passphrases = new Map<string, Secret>();

/** Value of a variable with a passphrase, which is taken out of the environment: other programs would inherit it. */
export function takenPassphrase(variable: string): Secret | undefined {
  const value = process.env[variable];
  Reflect.deleteProperty(process.env, variable);
  if (value !== undefined && value !== '') passphrases.set(variable, new Secret(value));
  return passphrases.get(variable);
}

/** Where these arguments and the environment have what opens something, or the terminal. */
export function identityOf(args: Arguments): AskIdentity {
  const file = identityFileOf(args);
  const passphrase = takenPassphrase(PASSPHRASE_VARIABLE);
  return async ({ what, kind, evidence = [] }) => {
    if (kind === 'passphrase') return { passphrase: passphrase ?? (await typed(what)) };
    if (file !== undefined) return readIdentity(file, passphrase);
    throw new KbinError('PKI', `${what}, and no age identity was named`, {
      hint: `Name its file: --identity FILE, or ${IDENTITY_VARIABLE}.`,
      evidence,
    });
  };
}

/** The identity file that is named; undefined for none. */
export const identityFileOf = (args: Arguments): string | undefined =>
  text(args, 'identity') ?? (process.env[IDENTITY_VARIABLE] || undefined);

/** Opens a locked store with what `identityOf` finds. */
export function unlockOf(args: Arguments): Unlock {
  const ask = identityOf(args);
  return ({ hasPassphrase, recipients }) =>
    ask({
      what: 'the CA keys of this cluster are locked',
      kind: hasPassphrase ? 'passphrase' : 'keys',
      evidence: recipients.map((recipient) => `recipient ${recipient}`),
    });
}

async function typed(what: string): Promise<Secret> {
  const passphrase = await askPassword(`Passphrase (${what}):`);
  if (passphrase !== undefined) return passphrase;
  throw new KbinError('PKI', `${what}, and no passphrase was typed`, {
    hint: `Run it on a terminal, or put the passphrase into ${PASSPHRASE_VARIABLE}.`,
  });
}

/** What an identity file holds; one that is itself encrypted with a passphrase too. Throws PKI, naming the file. */
export async function readIdentity(file: string, passphrase?: Secret): Promise<Identity> {
  const bytes = readClosed(file);
  const encrypted = encryptedIn(file, bytes);
  if (encrypted === undefined) return { keys: await identitiesIn(new Secret(bytes.toString()), file) };
  const opened = await opening(file, encrypted, { passphrase: passphrase ?? (await typed(`${file} is encrypted`)) });
  if (opened !== undefined) return { keys: await identitiesIn(new Secret(opened.toString()), file) };
  throw new KbinError('PKI', `this is not the passphrase of ${file}`, { hint: 'Run the same command again.' });
}

function encryptedIn(file: string, bytes: Buffer): Uint8Array | undefined {
  const encrypted = naming(file, () => ageBytes(bytes));
  return kindOf(encrypted) === undefined ? undefined : encrypted;
}

const opening = (file: string, bytes: Uint8Array, identity: Identity): Promise<Buffer | undefined> =>
  decryptBytes(bytes, identity).catch((error: unknown) => {
    throw new KbinError('PKI', `${file} ${(error as Error).message}`);
  });

function naming<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new KbinError('PKI', `${file} ${(error as Error).message}`);
  }
}

function readClosed(file: string): Buffer {
  try {
    const found = statSync(file);
    const mode = (found.mode & 0o777).toString(8).padStart(4, '0');
    if (found.isFile() && (found.mode & 0o077) !== 0)
      throw new KbinError('PKI', `${file}: mode ${mode} lets others in`, { hint: `Run: chmod go= ${file}` });
    return readFileSync(file);
  } catch (error) {
    if (error instanceof KbinError) throw error;
    throw new KbinError('PKI', `${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

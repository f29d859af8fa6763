import { createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import ssh2, { type ParsedKey } from 'ssh2';
import type { Secret } from '../model/secret.ts';
import { fingerprint } from './knownHosts.ts';
import { codeOf } from './systemError.ts';

/** A private key file, opened. */
export interface OpenKey {
  path: string;
  key: ParsedKey;
  fingerprint: string;
}

/** A key file that cannot be used, and why, in words for the reader. */
export interface ClosedKey {
  path: string;
  reason: string;
}

/** Opens key files once a process: the key derivation of an encrypted key costs far more than a handshake. */
export class KeyRing {
  readonly #keys = new Map<string, Promise<OpenKey | ClosedKey>>();

  /** All keys of `paths` in their order. Never throws: what cannot be opened says why. */
  open(paths: readonly string[], passphrase?: Secret): Promise<(OpenKey | ClosedKey)[]> {
    return Promise.all(
      paths.map((path) => {
        const name = `${path}\0${passphrase?.reveal() ?? ''}`;
        const known = this.#keys.get(name) ?? openKey(path, passphrase);
        this.#keys.set(name, known);
        return known;
      }),
    );
  }
}

async function openKey(path: string, passphrase?: Secret): Promise<OpenKey | ClosedKey> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    return { path, reason: codeOf(error) === 'ENOENT' ? 'is not there' : `cannot be read (${codeOf(error)})` };
  }
  const phrase = passphrase?.reveal();
  const opened = ssh2.utils.parseKey(text, phrase);
  const parsed = opened instanceof Error ? pkcs8(text, phrase) : opened;
  // An OpenSSH file may hold several keys; ssh itself writes and reads one.
  const key = Array.isArray(parsed) ? (parsed[0] as ParsedKey | undefined) : parsed;
  if (key?.isPrivateKey() !== true) return { path, reason: reasonOf(text, phrase) };
  return { path, key, fingerprint: fingerprint(key.getPublicSSH()) };
}

/** PKCS#8, which ssh2 does not read, in the traditional form that it does. */
function pkcs8(text: string, passphrase: string | undefined): ParsedKey | undefined {
  if (!/^-----BEGIN (ENCRYPTED )?PRIVATE KEY-----/m.test(text)) return undefined;
  try {
    const key = createPrivateKey({ key: text, ...(passphrase === undefined ? {} : { passphrase }) });
    const type = key.asymmetricKeyType === 'rsa' ? 'pkcs1' : 'sec1';
    const parsed = ssh2.utils.parseKey(key.export({ type, format: 'pem' }));
    return parsed instanceof Error ? undefined : parsed;
  } catch {
    return undefined;
  }
}

function reasonOf(text: string, passphrase: string | undefined): string {
  if (!text.includes('PRIVATE KEY')) return 'holds no private key';
  if (isEncrypted(text)) {
    return passphrase === undefined
      ? 'is encrypted and no passphrase is given (ssh.passphraseEnv or ssh.passphraseFile)'
      : 'is encrypted and the passphrase does not open it';
  }
  return 'is of a kind that ssh2 cannot use (security keys, certificates: set ssh.transport: openssh)';
}

/** PEM headers tell; an OpenSSH file names its cipher first (PROTOCOL.key), `none` for a plain key. */
function isEncrypted(text: string): boolean {
  if (/ENCRYPTED/.test(text)) return true;
  const [, body] = /-----BEGIN OPENSSH PRIVATE KEY-----([^-]+)/.exec(text) ?? [];
  const blob = Buffer.from(body ?? '', 'base64');
  const magic = 'openssh-key-v1\0'.length;
  if (blob.length < magic + 4) return false;
  return blob.subarray(magic + 4, magic + 4 + blob.readUInt32BE(magic)).toString('latin1') !== 'none';
}

import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ENCRYPTION } from '../model/encryption.ts';
import { generationOf, type CertificateName } from '../model/pki.ts';

/** Files of one certificate or key pair, relative to the store's directory. */
export type Places = {
  certificate: string;
  key: string;
  /** The key of an authority while the store is locked, in place of `key`. */
  lockedKey: string;
  publicKey: string;
  /** The encryption of stored objects; beside an authority that was given to the store, what it must know of it. */
  document: string;
};

/** What a file's name ends in while its contents are locked. */
export const LOCKED_END = '.age';

export const HOSTS = 'hosts';
/** Old generations that nothing trusts any more, and keys with which nothing is written any more. */
export const RETIRED = 'retired';

const ROW = /^[a-z][a-z0-9-]*$/;
// Anything that could climb out of the directory, hide, or be taken for something else in it.
const HOST = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** True for a directory under hosts/ that can be the store's. */
export const isHostFolder = (name: string): boolean => HOST.test(name);

/** `ca` is `ca.crt`; `apiserver@cp-1` is `hosts/cp-1/apiserver.crt`. Throws an Error for what is no certificate's name. */
export function placesOf(name: CertificateName): Places {
  const [row = '', host, ...rest] = name.split('@');
  if (!ROW.test(row) || rest.length > 0 || (host !== undefined && !HOST.test(host)))
    throw new Error(`"${name}" is not the name of a certificate`);
  const stem = host === undefined ? row : join(HOSTS, host, row);
  return {
    certificate: `${stem}.crt`,
    key: `${stem}.key`,
    lockedKey: `${stem}.key${LOCKED_END}`,
    publicKey: `${stem}.pub`,
    document: `${stem}.json`,
  };
}

/** Files of a certificate or key pair that are there, relative to the store's directory. */
export const filesOf = (directory: string, name: CertificateName): string[] =>
  Object.values(placesOf(name)).filter((path) => existsSync(join(directory, path)));

const RETIRED_ENCRYPTION = placesOf(generationOf(ENCRYPTION, 'old')).document;

/**
 * Whether a file of a generation that nothing uses any more is secret: a key, or how objects were encrypted, key and all.
 * With these, backups and etcd snapshots from before can still be read.
 */
export const isRetiredSecret = (path: string): boolean =>
  path.endsWith('.key') || basename(path) === RETIRED_ENCRYPTION;

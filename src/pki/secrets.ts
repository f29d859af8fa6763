import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { CertificateName, StoredCertificate } from '../model/pki.ts';
import type { Secret } from '../model/secret.ts';
import { readCertificate } from './certificate.ts';
import { encryptionKeyIn } from './encryptionStore.ts';
import { parsePrivateKey } from './keys.ts';
import { isRetiredSecret, LOCKED_END, placesOf, RETIRED } from './layout.ts';
import { openPkiStore } from './store.ts';
import { damaged, readingFrom, readText } from './stored.ts';

const KEY_END = '.key';
/** Its key goes to hosts, also where the operator gave an authority that is below no other one of the store. */
const ON_HOSTS = /^kubelet-signer(?:-next|-old)?$/;

/** Authorities below no other one of the store. Keys of those below go to hosts. */
function lockable(stored: Readonly<Record<CertificateName, StoredCertificate>>): StoredCertificate[] {
  const all = Object.values(stored);
  const isBelow = ({ keyId, issuerKeyId }: StoredCertificate): boolean =>
    keyId !== issuerKeyId && all.some((other) => other.keyId === issuerKeyId);
  return all.filter((one) => one.isAuthority && !ON_HOSTS.test(one.name) && !isBelow(one));
}

/** What a lock is for and anybody can read, relative to the store. Throws PKI for a store that is damaged. */
export async function readableSecrets(directory: string): Promise<string[]> {
  const stored = await openPkiStore(directory).list();
  const own = lockable(stored).map(({ name }) => placesOf(name).key);
  const isThere = (path: string): boolean => existsSync(join(directory, path));
  return [...own.filter(isThere), ...retiredFiles(directory).filter(isRetiredSecret)];
}

/** What is locked, by the places that it has when it is readable. */
export function lockedSecrets(directory: string): string[] {
  const readable = (paths: readonly string[]): string[] =>
    paths.filter((path) => path.endsWith(LOCKED_END)).map((path) => path.slice(0, -LOCKED_END.length));
  return [
    ...readable(readdirSync(directory)).filter((path) => path.endsWith(KEY_END)),
    ...readable(retiredFiles(directory)).filter(isRetiredSecret),
  ];
}

function retiredFiles(directory: string): string[] {
  const folder = join(directory, RETIRED);
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => join(RETIRED, file));
}

/** Throws PKI, naming the locked file, when this is not what may have this place: nothing else is trusted to be it. */
export function checkSecret(directory: string, path: string, body: Secret): void {
  const file = join(directory, `${path}${LOCKED_END}`);
  if (!path.endsWith(KEY_END)) return void encryptionKeyIn(file, body.reveal());
  const key = readingFrom(file, () => parsePrivateKey(body.reveal()));
  const certificateFile = join(directory, `${path.slice(0, -KEY_END.length)}.crt`);
  const pem = readText(certificateFile);
  if (pem === undefined) return;
  const { x509 } = readingFrom(certificateFile, () => readCertificate(pem));
  if (!x509.checkPrivateKey(key)) throw damaged(file, `does not belong to ${certificateFile}`);
}

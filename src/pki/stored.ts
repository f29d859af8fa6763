import { createPublicKey, sign, verify } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { KbinError } from '../errors.ts';
import type { CertificateName, StoredCertificate } from '../model/pki.ts';
import { describeCertificate, describeKeyPair, readCertificate } from './certificate.ts';
import { type Issuer, issuerFrom } from './issue.ts';
import { parsePrivateKey } from './keys.ts';
import { HOSTS, isHostFolder, placesOf } from './layout.ts';

const RESTORE =
  'Restore it from a backup. A pair that signs nothing, as all under hosts/, can be moved away instead: the next deploy issues another.';

export const damaged = (path: string, what: string, hint = RESTORE): KbinError =>
  new KbinError('PKI', `${path}: ${what}`, { hint });

/** The result, or a PKI error that names the file. */
export function readingFrom<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw damaged(path, (error as Error).message);
  }
}

function checkMode(path: string, mode: number): void {
  const octal = (mode & 0o777).toString(8).padStart(4, '0');
  if ((mode & 0o077) !== 0) throw damaged(path, `mode ${octal} lets others in`, `Run: chmod go= ${path}`);
}

/** Text of a file; undefined where there is none. Throws PKI when others may read or write it. */
export function readText(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  checkMode(path, found.mode);
  return readingFrom(path, () => readFileSync(path, 'utf8'));
}

const YIELD_EVERY = 64;

/** Everything in the store, and all that is wrong with it. Files that the store did not make are left alone. */
export async function readStore(
  directory: string,
): Promise<{ certificates: Record<CertificateName, StoredCertificate>; faults: KbinError[] }> {
  const faults: KbinError[] = [];
  const collecting = (read: () => void): void => {
    try {
      read();
    } catch (error) {
      if (!(error instanceof KbinError)) throw error;
      faults.push(error);
    }
  };
  const certificates: Record<CertificateName, StoredCertificate> = {};
  const folders = foldersIn(directory);
  for (const { path } of folders) collecting(() => checkMode(path, statSync(path).mode));
  for (const [index, name] of folders.flatMap(namesIn).entries()) {
    // Thousands of pairs take a second; connections that are open meanwhile must be able to answer.
    if (index % YIELD_EVERY === 0) await nextTurn();
    collecting(() => (certificates[name] = readPair(directory, name).stored));
  }
  return { certificates, faults };
}

interface Folder {
  path: string;
  /** What certificates in it have behind their row's name. */
  suffix: string;
}

function foldersIn(directory: string): Folder[] {
  const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  if (statSync(directory, { throwIfNoEntry: false }) === undefined) return [];
  const hosts = join(directory, HOSTS);
  const names = isFolder(hosts) ? readdirSync(hosts).filter(isHostFolder) : [];
  const ofHosts = names.map((name) => ({ path: join(hosts, name), suffix: `@${name}` }));
  return [{ path: directory, suffix: '' }, ...ofHosts.filter(({ path }) => isFolder(path))];
}

function namesIn({ path, suffix }: Folder): CertificateName[] {
  const rows = readdirSync(path).map((file) => /^([a-z][a-z0-9-]*)\.(?:crt|key|pub)$/.exec(file)?.[1]);
  return [...new Set(rows)].flatMap((row) => (row === undefined ? [] : [`${row}${suffix}`]));
}

/** A certificate or a bare key pair with its texts. Throws PKI naming the file that is missing, damaged or of another pair. */
export function readPair(
  directory: string,
  name: CertificateName,
): { stored: StoredCertificate; publicPem: string; keyPem: string } {
  const places = placesOf(name);
  const [certificateFile, publicFile, keyFile] = [places.certificate, places.publicKey, places.key].map((place) =>
    join(directory, place),
  ) as [string, string, string];
  const certificate = readText(certificateFile);
  const publicPem = certificate ?? readText(publicFile);
  const keyPem = readText(keyFile);
  if (publicPem === undefined) throw damaged(certificateFile, 'is missing');
  if (keyPem === undefined) throw damaged(keyFile, 'is missing');
  const privateKey = readingFrom(keyFile, () => parsePrivateKey(keyPem));
  if (certificate === undefined) {
    const publicKey = readingFrom(publicFile, () => createPublicKey(publicPem));
    if (!createPublicKey(privateKey).equals(publicKey)) throw damaged(keyFile, `does not belong to ${publicFile}`);
    return { stored: describeKeyPair(name, publicKey, { publicPem, keyPem }), publicPem, keyPem };
  }
  const read = readingFrom(certificateFile, () => readCertificate(certificate));
  if (!read.x509.checkPrivateKey(privateKey)) throw damaged(keyFile, `does not belong to ${certificateFile}`);
  const pems = { publicPem, keyPem };
  return { stored: readingFrom(certificateFile, () => describeCertificate(name, read, pems)), ...pems };
}

/** An authority of the store, ready to sign. Throws PKI when it is missing, damaged or no authority. */
export function readAuthority(directory: string, name: CertificateName): Issuer {
  const { stored, publicPem, keyPem } = readPair(directory, name);
  const places = placesOf(name);
  if (!stored.isAuthority) throw damaged(join(directory, places.certificate), 'is no authority');
  const key = parsePrivateKey(keyPem);
  // Comparing the public halves does not tell whether the private one is intact; everything signed would be invalid.
  const probe = Buffer.from(name);
  if (!verify('sha256', probe, createPublicKey(publicPem), sign('sha256', probe, key)))
    throw damaged(join(directory, places.key), 'does not sign what its certificate verifies');
  return issuerFrom(name, publicPem, key);
}

import { createPublicKey, sign, verify } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { KbinError } from '../errors.ts';
import type { CertificateName, StoredCertificate } from '../model/pki.ts';
import { checkArmored } from './age.ts';
import { type AuthorityRecord, keyIsOutside, parseAuthorityRecord } from './authorityRecord.ts';
import { describeKeyPair } from './certificate.ts';
import { describeChain, presentedBy, readChain } from './chain.ts';
import { type Issuer, issuerFrom } from './issue.ts';
import { parsePrivateKey } from './keys.ts';
import { HOSTS, isHostFolder, placesOf } from './layout.ts';
import type { Keyring } from './lock.ts';

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
  const rows = readdirSync(path).map((file) => /^([a-z][a-z0-9-]*)\.(?:crt|key(?:\.age)?|pub)$/.exec(file)?.[1]);
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
  if (keyPem === undefined) return readWithoutKey(directory, name, certificate);
  const privateKey = readingFrom(keyFile, () => parsePrivateKey(keyPem));
  if (certificate === undefined) {
    const publicKey = readingFrom(publicFile, () => createPublicKey(publicPem));
    if (!createPublicKey(privateKey).equals(publicKey)) throw damaged(keyFile, `does not belong to ${publicFile}`);
    return { stored: describeKeyPair(name, publicKey, { publicPem, keyPem }), publicPem, keyPem };
  }
  const chain = readingFrom(certificateFile, () => readChain(certificate));
  if (!chain.own.x509.checkPrivateKey(privateKey)) throw damaged(keyFile, `does not belong to ${certificateFile}`);
  const pems = { publicPem, keyPem };
  const described = readingFrom(certificateFile, () => describeChain(name, chain, pems));
  const { above } = readRecord(directory, described);
  return { stored: above.length === 0 ? described : { ...described, above }, ...pems };
}

/** An authority whose key is locked, or is kept elsewhere, has none to read here; for anything else that is damage. */
function readWithoutKey(directory: string, name: CertificateName, certificate = ''): ReturnType<typeof readPair> {
  const [certificateFile, keyFile] = [placesOf(name).certificate, placesOf(name).key].map((place) =>
    join(directory, place),
  ) as [string, string];
  if (certificate === '') throw damaged(keyFile, 'is missing');
  const pems = { publicPem: certificate, keyPem: '' };
  const described = readingFrom(certificateFile, () => describeChain(name, readChain(certificate), pems));
  const { isKeyOutside, above } = readRecord(directory, described);
  if (!isKeyOutside && !hasLockedKey(directory, described)) throw damaged(keyFile, 'is missing');
  const outside = isKeyOutside ? { isKeyOutside } : {};
  const stored = { ...described, keySha256: '', ...outside, ...(above.length === 0 ? {} : { above }) };
  return { stored, ...pems };
}

/** Only authorities are locked. Whether it can be opened is not known without what opens it. */
function hasLockedKey(directory: string, { name, isAuthority }: StoredCertificate): boolean {
  const path = join(directory, placesOf(name).lockedKey);
  const text = isAuthority ? readText(path) : undefined;
  if (text !== undefined) readingFrom(path, () => checkArmored(text));
  return text !== undefined;
}

/** What the store knows of an authority that was given to it. */
function readRecord(directory: string, { name, isAuthority }: StoredCertificate): AuthorityRecord {
  const path = join(directory, placesOf(name).document);
  return readingFrom(path, () => parseAuthorityRecord(isAuthority ? readText(path) : undefined));
}

/** An authority of the store, ready to sign. Throws PKI when it is missing, damaged, no authority, or stays locked. */
export async function readAuthority(directory: string, name: CertificateName, keyring: Keyring): Promise<Issuer> {
  const { stored, publicPem, keyPem } = readPair(directory, name);
  const places = placesOf(name);
  if (!stored.isAuthority) throw damaged(join(directory, places.certificate), 'is no authority');
  if (stored.isKeyOutside === true) throw keyIsOutside(name);
  const isLocked = keyPem === '';
  const keyFile = join(directory, isLocked ? places.lockedKey : places.key);
  const pem = isLocked ? (await keyring.open(keyFile)).reveal() : keyPem;
  const key = readingFrom(keyFile, () => parsePrivateKey(pem));
  // Comparing the public halves does not tell whether the private one is intact; everything signed would be invalid.
  const probe = Buffer.from(name);
  if (!verify('sha256', probe, createPublicKey(publicPem), sign('sha256', probe, key)))
    throw damaged(keyFile, 'does not sign what its certificate verifies');
  const issuer = issuerFrom(name, publicPem, key);
  return stored.above === undefined ? issuer : { ...issuer, presented: presentedBy(publicPem, stored.above) };
}

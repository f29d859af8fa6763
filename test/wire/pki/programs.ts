import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gen } from '../../../src/commands/certs/gen.ts';
import { printed } from '../../unit/commands/printed.ts';

/** What both programs print: cfssl's JSON. */
export interface Made {
  cert: string;
  csr: string;
  key: string;
}

const version = spawnSync('cfssl', ['version'], { encoding: 'utf8' });
export const isCfsslHere = version.status === 0;
/** Debian's. Later ones know URIs as hosts, and E and OID in names. */
export const isOldCfssl = /^Version: 1\.2\./m.test(version.stdout);

/** A directory that is gone after the test file. */
export const folder = mkdtempSync(join(tmpdir(), 'kbin-cfssl-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
/** A file with this text, or with this object as JSON. */
export function file(content: string | object): string {
  const path = join(folder, `${(files += 1)}`);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const run = (program: string, ...args: string[]): string =>
  execFileSync(program, args, { encoding: 'utf8', stdio: 'pipe', timeout: 60_000 });
export const openssl = (...args: string[]): string => run('openssl', ...args);

/** An authority's files. */
export interface Signer {
  ca: string;
  key: string;
}

export interface Wish {
  request: object;
  /** Absent for a new authority. */
  signer?: Signer;
  config?: string;
  profile?: string;
  hostname?: string;
}

/** The same wish as options of either program, which have the same names. */
const options = ({ signer, config, profile, hostname }: Wish): [string, string][] =>
  Object.entries({ ca: signer?.ca, 'ca-key': signer?.key, config, profile, hostname }).filter(
    (option): option is [string, string] => option[1] !== undefined,
  );

/** Throws what cfssl says when it refuses. */
export function cfssl(wish: Wish): Made {
  const flags = wish.signer === undefined ? ['-initca'] : options(wish).map(([name, value]) => `-${name}=${value}`);
  const out = run('cfssl', 'gencert', ...flags, file(wish.request));
  return JSON.parse(out) as Made;
}

/** Throws the KbinError when kbin refuses. */
export async function kbin(wish: Wish): Promise<Made> {
  const args = { file: file(wish.request), initca: wish.signer === undefined, ...Object.fromEntries(options(wish)) };
  const { out } = await printed(() => gen.run(args));
  return JSON.parse(out) as Made;
}

export const signerFiles = ({ cert, key }: Made): Signer => ({ ca: file(cert), key: file(key) });

interface CertInfo extends Record<string, unknown> {
  serial_number: string;
  subject_key_id: string;
  authority_key_id: string;
  not_before: string;
  not_after: string;
}

export const certInfo = (pem: string): CertInfo => JSON.parse(run('cfssl', 'certinfo', '-cert', file(pem))) as CertInfo;

/** What OpenSSL says of a certificate: all but serial number, key, its identifier, signature and times. */
export const comparable = (pem: string): string =>
  openssl('x509', '-in', file(pem), '-noout', '-text', '-certopt', 'no_serial,no_pubkey,no_sigdump,no_validity')
    .replace(/(Subject Key Identifier: \n\s+)[0-9A-F:]+/, '$1(its own)')
    .trim();

/** The same of a request. */
export const comparableRequest = (pem: string): string =>
  openssl('req', '-in', file(pem), '-noout', '-text', '-verify', '-reqopt', 'no_pubkey,no_sigdump').trim();

/** Which kind of key a PEM has, in OpenSSL's words. */
export const keyKind = (pem: string): string | undefined =>
  /^\s*(?:Public|Private)-Key: \((.*)\)|^NIST CURVE: .*$/m.exec(
    openssl('pkey', '-in', file(pem), '-noout', '-text'),
  )?.[1];

/** True when Go's verifier finds a chain from the certificate to the root. */
export function isVerifiedByGo(cert: string, { root, between }: { root: string; between: string }): boolean {
  const args = ['bundle', '-cert', file(cert), '-ca-bundle', root, '-int-bundle', between];
  const { stdout } = spawnSync('cfssl', args, { encoding: 'utf8', timeout: 60_000 });
  return stdout.includes('"bundle":');
}

/** Runs cfssljson on what was printed; returns the start of the names of its files. */
export function cfsslJson(printedJson: string): string {
  const base = join(folder, `json-${(files += 1)}`);
  execFileSync('cfssljson', ['-bare', base], { input: printedJson, timeout: 60_000 });
  return base;
}

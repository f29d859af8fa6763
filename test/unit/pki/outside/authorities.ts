import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Secret } from '../../../../src/model/secret.ts';
import type { AuthorityFiles, AuthorityWish } from '../../../../src/pki/outside/givenAuthority.ts';
import { openssl } from '../samples.ts';

export interface Made {
  /** Paths. */
  certificate: string;
  key: string;
}

export interface Wanted {
  subject?: string;
  /** Lines of an openssl extension file. */
  extensions?: readonly string[];
  days?: number;
  /** Arguments of `openssl genpkey`. */
  key?: readonly string[];
  /** A key that is there. */
  from?: string;
  digest?: 'sha256' | 'sha1';
  issuer?: Made;
}

export const CA = [
  'basicConstraints=critical,CA:TRUE',
  'keyUsage=critical,keyCertSign,cRLSign',
  'subjectKeyIdentifier=hash',
];
const P256 = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'];

/** A certificate as somebody else makes it: with openssl, of nothing but these extensions. */
export function make(folder: string, name: string, wanted: Wanted = {}): Made {
  const {
    subject = `/O=Acme/CN=${name}`,
    extensions = CA,
    days = 3650,
    key = P256,
    digest = 'sha256',
    issuer,
  } = wanted;
  const at = (end: string): string => join(folder, `${name}.${end}`);
  const made = { certificate: at('pem'), key: at('key') };
  if (wanted.from === undefined) openssl('genpkey', ...key, '-out', made.key);
  else copyFileSync(wanted.from, made.key);
  openssl('req', '-new', '-key', made.key, '-subj', subject, '-out', at('csr'));
  writeFileSync(at('ext'), extensions.join('\n'));
  const signer = issuer === undefined ? ['-signkey', made.key] : ['-CA', issuer.certificate, '-CAkey', issuer.key];
  const serial = ['-set_serial', String(Math.floor(Math.random() * 1e9) + 1)];
  const output = ['-out', made.certificate, '-days', String(days), `-${digest}`, '-extfile', at('ext')];
  openssl('x509', '-req', '-in', at('csr'), ...signer, ...serial, ...output);
  return made;
}

/** Has a request signed with what it asks for, unless these extensions say otherwise. */
export function sign(
  request: string,
  issuer: Made,
  wanted: Pick<Wanted, 'extensions' | 'days' | 'digest'> = {},
): string {
  const { extensions = [], days = 365, digest = 'sha256' } = wanted;
  const [out, file] = [request.replace(/\.csr$/, '.crt'), request.replace(/\.csr$/, '.ext')];
  writeFileSync(file, ['subjectKeyIdentifier=hash', 'authorityKeyIdentifier=keyid', ...extensions].join('\n'));
  const serial = ['-set_serial', String(Math.floor(Math.random() * 1e9) + 1)];
  openssl(
    ...['x509', '-req', '-in', request, '-CA', issuer.certificate, '-CAkey', issuer.key, ...serial],
    ...['-days', String(days), `-${digest}`, '-copy_extensions', 'copyall', '-extfile', file, '-out', out],
  );
  return out;
}

export const textOf = (path: string): string => readFileSync(path, 'utf8');

/** Files of an authority as they are given on the command line. */
export function filesOf(
  made: Made,
  { key = made.key, chain }: { key?: string | null; chain?: string } = {},
): AuthorityFiles {
  return {
    certificate: { label: 'ca.pem', text: textOf(made.certificate) },
    ...(key === null ? {} : { key: { label: 'ca.key', text: new Secret(textOf(key)) } }),
    ...(chain === undefined ? {} : { chain: { label: 'chain.pem', text: chain } }),
  };
}

export const wish = (changes: Partial<AuthorityWish> = {}): AuthorityWish => ({
  name: 'ca',
  below: 1,
  usages: ['server', 'client'],
  days: 3650,
  now: Date.now(),
  ...changes,
});

import { KbinError } from '../../errors.ts';
import { Secret } from '../../model/secret.ts';
import { pkcs12 } from '../../pki/pkcs12.ts';
import type { Authority } from '../../pki/request/authority.ts';
import type { CertificateRequest } from '../../pki/request/certificateRequest.ts';
import type { Generated } from '../../pki/request/generate.ts';
import { askNewPassword } from '../../ui/password.ts';
import { flag, text, type Arguments } from '../command.ts';
import { checkOutputs, writeOutputs, type OutputFile } from './outputFiles.ts';

/** Where a certificate goes. */
export interface Target {
  /** Start of the names of the PEM files. */
  base: string | undefined;
  withRequest: boolean;
  pkcs12: string | undefined;
  passwordVariable: string | undefined;
  isForced: boolean;
}

/** Where the options want it. Throws USAGE for options that do not fit together, and for files that are there already. */
export function targetOf(args: Arguments, { hasKey }: { hasKey: boolean }): Target {
  const target = {
    base: text(args, 'output'),
    withRequest: flag(args, 'csr'),
    pkcs12: text(args, 'pkcs12'),
    passwordVariable: text(args, 'password-env'),
    isForced: flag(args, 'force'),
  };
  if (target.withRequest && target.base === undefined)
    throw new KbinError('USAGE', '--csr needs -o', { hint: 'Without -o the request is in the JSON already.' });
  if (target.passwordVariable !== undefined && target.pkcs12 === undefined)
    throw new KbinError('USAGE', '--password-env needs --pkcs12', { hint: 'PEM files have no password.' });
  checkOutputs(placesOf(target, hasKey), target.isForced);
  return target;
}

const placesOf = ({ base, withRequest, pkcs12: bundle }: Target, hasKey: boolean): string[] => [
  ...(base === undefined ? [] : [`${base}.pem`, ...(hasKey ? [`${base}-key.pem`] : [])]),
  ...(withRequest ? [`${base ?? ''}.csr`] : []),
  ...(bundle === undefined ? [] : [bundle]),
];

/** The password of the PKCS#12 file, undefined without such a file. Throws USAGE when there is none. */
export async function passwordOf({ pkcs12: file, passwordVariable }: Target): Promise<Secret | undefined> {
  if (file === undefined) return undefined;
  const password =
    passwordVariable === undefined
      ? await askNewPassword(`Password of ${file}:`)
      : new Secret(process.env[passwordVariable] ?? '');
  if (password !== undefined && password.reveal() !== '') return password;
  const what = passwordVariable === undefined ? 'no password was typed' : `the variable ${passwordVariable} is empty`;
  throw new KbinError('USAGE', `${what}, so ${file} was not written`, {
    hint: 'Write --password-env NAME and put the password into that variable, or run it on a terminal.',
  });
}

/** What a run of the command has in hand when everything is made. */
export interface Made {
  generated: Generated;
  authority: Authority | null;
  request: CertificateRequest;
  password: Secret | undefined;
}

/** Writes the files, or prints cfssl's JSON where none is asked for. Returns the paths that were written. */
export function deliver(target: Target, made: Made): string[] {
  const files = filesOf(target, made);
  if (files.length > 0) writeOutputs(files, target.isForced);
  else process.stdout.write(`${JSON.stringify(cfsslJson(made.generated))}\n`);
  return files.map(({ path }) => path);
}

/** As cfssl prints it, for cfssljson -bare. */
const cfsslJson = ({ certificate, csr, key }: Generated): Record<string, string> => ({
  cert: certificate,
  csr,
  ...(key === undefined ? {} : { key: key.reveal() }),
});

function filesOf({ base, withRequest, pkcs12: bundle }: Target, made: Made): OutputFile[] {
  const { certificate, csr, key } = made.generated;
  const files: OutputFile[] = [];
  if (base !== undefined) {
    files.push({ path: `${base}.pem`, body: certificate, mode: 0o644 });
    if (key !== undefined) files.push({ path: `${base}-key.pem`, body: key, mode: 0o600 });
    if (withRequest) files.push({ path: `${base}.csr`, body: csr, mode: 0o644 });
  }
  if (bundle !== undefined) files.push({ path: bundle, body: new Secret(bundleOf(made)), mode: 0o600 });
  return files;
}

function bundleOf({ generated, authority, request, password }: Made): Buffer {
  const { privateKey: key, certificate } = generated;
  const { commonName, altNames } = request;
  const friendlyName =
    commonName === '' ? ([...altNames.dns, ...altNames.ip, ...altNames.email, ...altNames.uri][0] ?? '') : commonName;
  const chain = authority === null ? [] : [authority.pem];
  return pkcs12({ key, certificate, chain, friendlyName }, password ?? new Secret(''));
}

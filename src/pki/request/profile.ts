import type { AuthorityConstraint } from '../extensions.ts';
import { type Faults, shown } from './faults.ts';
import { type Fields, fieldsIn } from './fields.ts';
import { pathLengthOf } from './pathLength.ts';
import { type Policy, policiesIn } from './policies.ts';
import { USAGE_NAMES, type Usages, usagesOf } from './usages.ts';

/** Which fields of a request may come into the certificate. */
export type Whitelist = Record<'subject' | 'dns' | 'ip' | 'email' | 'uri', boolean>;

/** How a certificate is signed. Durations are milliseconds, times milliseconds since the epoch. */
export interface Profile extends Usages {
  expiry: number;
  backdate: number;
  notBefore?: number;
  notAfter?: number;
  /** Present where the profile makes authorities. */
  authority?: AuthorityConstraint;
  issuerUrls: string[];
  ocspUrl?: string;
  crlUrl?: string;
  isOcspNoCheck: boolean;
  policies: Policy[];
  /** What common name, DNS names, mail addresses and URIs must match somewhere. */
  nameWhitelist?: RegExp;
  whitelist?: Whitelist;
}

const HOUR = 3_600_000;
// signer.FillTemplate.
const BACKDATE = 300_000;

/** Without a configuration: a year, for servers and clients (config.DefaultConfig). */
export const DEFAULT_PROFILE: Profile = {
  keyUsages: ['digitalSignature', 'keyEncipherment'],
  extendedKeyUsages: ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'],
  expiry: 8760 * HOUR,
  backdate: BACKDATE,
  issuerUrls: [],
  isOcspNoCheck: false,
  policies: [],
};

/** Of an authority that signs itself: five years, certificates and revocation lists (initca.CAPolicy). */
export const AUTHORITY_PROFILE: Profile = {
  ...DEFAULT_PROFILE,
  keyUsages: ['keyCertSign', 'cRLSign'],
  extendedKeyUsages: [],
  expiry: 43_800 * HOUR,
  authority: {},
};

/**
 * The profile of this name in a signing configuration, its default without a name. Everything wrong with any of its
 * profiles is told to `faults`, as is a name that it does not have: cfssl would take the default then.
 */
export function parseProfile(
  text: string,
  options: { file: string; name?: string | undefined },
  faults: Faults,
): Profile {
  const { file, name } = options;
  const config = fieldsIn(text, file, faults);
  const signing = config.child('signing');
  config.ignore('ocsp', 'auth_keys', 'remotes');
  config.finish();
  if (signing === undefined) {
    if (config.isObject) config.fault('signing', 'is missing. Write { "default": { … }, "profiles": { … } }.');
    return DEFAULT_PROFILE;
  }
  const standard = signing.child('default');
  const named = new Map(signing.child('profiles')?.members() ?? []);
  signing.finish();
  const fallback = standard === undefined ? DEFAULT_PROFILE : profileIn(standard, DEFAULT_PROFILE, name === undefined);
  const own = [...named].map(([key, fields]) => [key, profileIn(fields, fallback, key === name)] as const);
  if (name === undefined) return fallback;
  const found = new Map(own).get(name);
  if (found === undefined)
    signing.fault(`profiles.${name}`, `is missing. There are ${[...named.keys()].join(', ') || 'none'}.`);
  return found ?? fallback;
}

/** Keys that say where else something would be signed; kbin signs here. */
const ELSEWHERE = {
  remote: 'names another signer, but kbin signs itself. Choose a profile without it',
  auth_remote: 'names another signer, but kbin signs itself. Choose a profile without it',
  ct_log_servers: 'asks for certificate transparency, which kbin does not know',
  clientprovidesserialnumbers: 'asks for serial numbers from outside; kbin makes random ones',
  lint_error_level: 'asks for linting, which kbin does not know',
};

/** Keys for cfssl's server, or for what `refuse` keeps away. */
const WITHOUT_MEANING = [
  'auth_key',
  'prev_auth_key',
  'cert_store',
  'copy_extensions',
  'allowed_extensions',
  'ignored_lints',
  'ignored_lint_sources',
];

function profileIn(fields: Fields, fallback: Profile, isChosen: boolean): Profile {
  const isRemote = fields.has('remote') || fields.has('auth_remote');
  if (isChosen) fields.refuse(ELSEWHERE);
  fields.ignore(...WITHOUT_MEANING, ...Object.keys(ELSEWHERE));
  const authority = authorityIn(fields);
  const usages = usagesIn(fields, isChosen && !isRemote, authority !== undefined);
  if (!fields.has('expiry') && !isRemote) fields.fault('expiry', 'is missing. Write hours, such as 8760h.');
  const ocspUrl = url(fields, 'ocsp_url') ?? fallback.ocspUrl;
  const crlUrl = url(fields, 'crl_url') ?? fallback.crlUrl;
  const [notBefore, notAfter] = [fields.time('not_before'), fields.time('not_after')];
  if (notBefore !== undefined && notAfter !== undefined && notAfter <= notBefore)
    fields.fault('not_after', 'is not after not_before.');
  const nameWhitelist = expression(fields, 'name_whitelist');
  const whitelist = whitelistIn(fields);
  const profile: Profile = {
    ...usages,
    expiry: fields.duration('expiry') ?? fallback.expiry,
    backdate: fields.duration('backdate') ?? BACKDATE,
    issuerUrls: fields.texts('issuer_urls') ?? fallback.issuerUrls,
    isOcspNoCheck: fields.flag('ocsp_no_check'),
    policies: policiesIn(fields),
    ...(notBefore === undefined ? {} : { notBefore }),
    ...(notAfter === undefined ? {} : { notAfter }),
    ...(authority === undefined ? {} : { authority }),
    ...(ocspUrl === undefined ? {} : { ocspUrl }),
    ...(crlUrl === undefined ? {} : { crlUrl }),
    ...(nameWhitelist === undefined ? {} : { nameWhitelist }),
    ...(whitelist === undefined ? {} : { whitelist }),
  };
  fields.finish();
  return profile;
}

/** The default profile may do without usages as long as nothing is signed with it. */
function usagesIn(fields: Fields, isNeeded: boolean, isAuthority: boolean): Usages {
  const names = fields.texts('usages') ?? [];
  const unknown: string[] = [];
  const usages = usagesOf(names, (index, name) => {
    unknown.push(name);
    fields.fault(`usages[${index}]`, `${shown(name)} is no usage. There are ${USAGE_NAMES.join(', ')}.`);
  });
  if (names.length === 0) {
    if (isNeeded) fields.fault('usages', 'is missing. Write such as ["signing", "key encipherment", "server auth"].');
  } else if (unknown.length === 0 && isAuthority !== usages.keyUsages.includes('keyCertSign')) {
    const what = isAuthority
      ? 'lacks "cert sign", without which an authority (ca_constraint.is_ca) signs nothing.'
      : 'has "cert sign", which counts for nothing without ca_constraint.is_ca. Write both or neither.';
    fields.fault('usages', what);
  }
  return usages;
}

function authorityIn(fields: Fields): AuthorityConstraint | undefined {
  const constraint = fields.child('ca_constraint');
  if (constraint === undefined) return undefined;
  const isAuthority = constraint.flag('is_ca');
  const pathLength = pathLengthOf(constraint, 'max_path_len', 'max_path_len_zero');
  constraint.finish();
  return isAuthority ? pathLength : undefined;
}

function url(fields: Fields, key: string): string | undefined {
  const address = fields.text(key);
  if (address !== undefined && !/^[\x21-\x7e]+$/.test(address))
    fields.fault(key, `${shown(address)} is no URL in ASCII.`);
  return address;
}

function expression(fields: Fields, key: string): RegExp | undefined {
  const source = fields.text(key);
  if (source === undefined) return undefined;
  try {
    return new RegExp(source, 'u');
  } catch {
    fields.fault(key, `${shown(source)} is no regular expression that JavaScript knows.`);
    return undefined;
  }
}

function whitelistIn(fields: Fields): Whitelist | undefined {
  const list = fields.child('CSRWhitelist');
  if (list === undefined) return undefined;
  if (!list.flag('PublicKey')) list.fault('PublicKey', 'is not let in, but no certificate is without it. Write true.');
  list.ignore('PublicKeyAlgorithm', 'SignatureAlgorithm');
  const whitelist = {
    subject: list.flag('Subject'),
    dns: list.flag('DNSNames'),
    ip: list.flag('IPAddresses'),
    email: list.flag('EmailAddresses'),
    uri: list.flag('URIs'),
  };
  list.finish();
  return whitelist;
}

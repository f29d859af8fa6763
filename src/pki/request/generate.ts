import { createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { KbinError } from '../../errors.ts';
import { Secret } from '../../model/secret.ts';
import { type AltNames, hasAltNames, NO_ALT_NAMES } from '../altNames.ts';
import { certificateRequest } from '../csr.ts';
import * as der from '../der.ts';
import { EXTENSIONS, extension } from '../extensions.ts';
import { type KeyPair, privatePem, spkiOf } from '../keys.ts';
import { ATTRIBUTES, valuesOf } from '../names.ts';
import { signCertificate, type Template } from '../sign.ts';
import type { Authority } from './authority.ts';
import type { CertificateRequest, KeyChoice } from './certificateRequest.ts';
import { policyExtension } from './policies.ts';
import { AUTHORITY_PROFILE, type Profile } from './profile.ts';
import { validityOf } from './validity.ts';

/** Everything that decides about a certificate. */
export interface Generation {
  request: CertificateRequest;
  profile: Profile;
  /** Null: the certificate signs itself. */
  authority: Authority | null;
  /** The key to certify; a new one is made without. */
  key?: KeyObject;
  /** Milliseconds since the epoch. */
  now: number;
}

export interface Generated {
  /** PEM. */
  certificate: string;
  csr: string;
  privateKey: KeyObject;
  /** PEM; absent when the key was there before. */
  key?: Secret;
  notAfter: number;
  /** Where the certificate differs from what was written, for the operator to know. */
  notes: string[];
}

/** The profile of a new authority: cfssl's own, with what the request's `ca` section says. */
export function authorityProfile({ ca, crlUrl }: CertificateRequest): Profile {
  const { constraint = {}, expiry, backdate } = ca ?? {};
  return {
    ...AUTHORITY_PROFILE,
    authority: constraint,
    ...(expiry === undefined ? {} : { expiry }),
    ...(backdate === undefined ? {} : { backdate }),
    ...(crlUrl === undefined ? {} : { crlUrl }),
  };
}

/**
 * A key pair with its certificate and request. The fields are those of cfssl (csr.ParseRequest, signer.FillTemplate),
 * except that a certificate never outlives its authority. Throws PKI for what the profile or the authority does not
 * allow.
 */
export async function generateCertificate(generation: Generation): Promise<Generated> {
  const { request, profile, authority } = generation;
  checkSubject(generation);
  checkPath(profile, authority);
  checkWhitelist(request, profile);
  const notes = [...request.notes];
  const validity = validityOf(generation, (note) => notes.push(note));
  const keys = generation.key === undefined ? await newKeys(request.key) : pairOf(generation.key);
  const { subject, altNames: sans } = request;
  const asked = request.ca === undefined ? {} : { authority: request.ca.constraint };
  const csr = certificateRequest({ subject, sans, keys, ...asked });
  const template = { ...contentsOf(generation, (note) => notes.push(note)), ...validity, spki: spkiOf(keys.publicKey) };
  const signer = authority ?? { subject: null, keyId: null, key: keys.privateKey };
  const certificate = signCertificate(template, signer);
  const key = generation.key === undefined ? { key: new Secret(privatePem(keys.privateKey)) } : {};
  return { certificate, csr, privateKey: keys.privateKey, ...key, notAfter: validity.notAfter, notes };
}

const generate = promisify(generateKeyPair);
const CURVES: Partial<Record<number, string>> = { 256: 'prime256v1', 384: 'secp384r1', 521: 'secp521r1' };

function newKeys({ algorithm, size }: KeyChoice): Promise<KeyPair> {
  if (algorithm === 'rsa') return generate('rsa', { modulusLength: size });
  return generate('ec', { namedCurve: CURVES[size] ?? '' });
}

const pairOf = (privateKey: KeyObject): KeyPair => ({ privateKey, publicKey: createPublicKey(privateKey) });

type Contents = Omit<Template, 'spki' | 'notBefore' | 'notAfter'>;

function contentsOf({ request, profile }: Generation, note: (text: string) => void): Contents {
  const { whitelist } = profile;
  const noCheck = profile.isOcspNoCheck ? [extension(EXTENSIONS.ocspNoCheck, der.nothing())] : [];
  return {
    subject: whitelist?.subject === false ? [] : request.subject,
    altNames: altNamesOf(request, profile, note),
    keyUsages: profile.keyUsages,
    extendedKeyUsages: profile.extendedKeyUsages,
    ...(profile.authority === undefined ? {} : { authority: profile.authority }),
    issuerUrls: profile.issuerUrls,
    ocspUrls: profile.ocspUrl === undefined ? [] : [profile.ocspUrl],
    crlUrls: profile.crlUrl === undefined ? [] : [profile.crlUrl],
    others: [...policyExtension(profile.policies), ...noCheck],
  };
}

const SERVER = '1.3.6.1.5.5.7.3.1';

/** An authority keeps addresses only, as with cfssl; a profile's whitelist may keep back whole kinds. */
function altNamesOf(
  { altNames }: CertificateRequest,
  { authority, whitelist, extendedKeyUsages }: Profile,
  note: (text: string) => void,
): AltNames {
  const kinds = Object.keys(NO_ALT_NAMES) as (keyof AltNames)[];
  const isKept = (kind: keyof AltNames): boolean =>
    (authority === undefined || kind === 'ip') && (whitelist === undefined || whitelist[kind]);
  const lost = kinds.filter((kind) => !isKept(kind)).flatMap((kind) => altNames[kind]);
  const why = authority === undefined ? 'the profile’s CSRWhitelist keeps them back' : 'authorities have none';
  if (lost.length > 0) note(`these hosts are not in the certificate, ${why}: ${lost.join(', ')}`);
  const kept = Object.fromEntries(kinds.map((kind) => [kind, isKept(kind) ? altNames[kind] : []]));
  const names = { ...NO_ALT_NAMES, ...kept };
  if (!hasAltNames(names) && extendedKeyUsages.includes(SERVER))
    note('the request has no hosts, so no client will take this certificate for a server’s');
  return names;
}

/** RFC 5280 4.1.2.4: what an authority signs names it by its subject. */
function checkSubject({ request, profile }: Generation): void {
  if (profile.authority === undefined || (request.subject.length > 0 && profile.whitelist?.subject !== false)) return;
  throw new KbinError('PKI', 'an authority without a subject would sign what nobody could trace to it', {
    hint: 'Write CN into the request. Nothing was written.',
  });
}

function checkPath({ authority: asked }: Profile, authority: Authority | null): void {
  const most = authority?.pathLength;
  if (asked === undefined || authority === null || most === undefined) return;
  const { pathLength } = asked;
  if (most > 0 && (pathLength === undefined || pathLength < most)) return;
  const what =
    most === 0 ? 'no authority below it' : `path lengths below ${most} only, and the profile says ${pathLength ?? ''}`;
  throw new KbinError('PKI', `${authority.label} allows ${what}`, {
    hint: 'Sign with the authority above it, or choose another profile. Nothing was written.',
  });
}

function checkWhitelist({ subject, altNames }: CertificateRequest, { nameWhitelist, whitelist }: Profile): void {
  if (nameWhitelist === undefined) return;
  const common = whitelist?.subject === false ? [] : valuesOf(subject, ATTRIBUTES.CN);
  const names = [...common, ...altNames.dns, ...altNames.email, ...altNames.uri];
  const foreign = names.filter((name) => !nameWhitelist.test(name));
  if (foreign.length === 0) return;
  throw new KbinError(
    'PKI',
    `the profile’s name_whitelist ${nameWhitelist.source} does not match ${foreign.join(', ')}`,
    {
      hint: 'Choose another profile or other names. Nothing was written.',
    },
  );
}

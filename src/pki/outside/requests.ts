import { createPublicKey } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { CertificateName, CertSpec } from '../../model/pki.ts';
import { Secret } from '../../model/secret.ts';
import { changing, guarded } from '../access.ts';
import { sha256Hex, USAGE_OIDS } from '../certificate.ts';
import { certificateRequest } from '../csr.ts';
import * as der from '../der.ts';
import { extension, EXTENSIONS, keyUsage } from '../extensions.ts';
import { finishPending, type NewFile, writeTogether } from '../journal.ts';
import { algorithmOf, type KeyPair, newKeyPair, parsePrivateKey, privatePem, spkiOf } from '../keys.ts';
import { HOSTS, isHostFolder, placesOf } from '../layout.ts';
import { ATTRIBUTES, nameOf } from '../names.ts';
import { readingFrom, readText } from '../stored.ts';

/** Keys of certificates that others have been asked to sign; beside the pairs, which stay in use until then. */
export const REQUESTS = 'requests';

const placeOf = (name: CertificateName): string => join(REQUESTS, placesOf(name).key);

/** A request that waits for its certificate. */
export interface PendingRequest {
  name: CertificateName;
  /** Where its key is, relative to the store. */
  path: string;
  key: Secret;
}

export interface CertificateRequestText {
  name: CertificateName;
  /** PKCS#10, PEM. */
  pem: string;
  /** The key was asked for before, and nobody has brought a certificate for it yet. */
  isRepeated: boolean;
}

/**
 * Requests for these certificates. Their keys are made and kept in the store; one that is still waiting is used again, so
 * that what is being signed already does not lose its key. Throws PKI for a store that cannot be read or written.
 */
export function requestCertificates(directory: string, specs: readonly CertSpec[]): Promise<CertificateRequestText[]> {
  return changing(directory, async () => {
    await finishPending(directory);
    const made = await Promise.all(specs.map((spec) => requestOf(directory, spec)));
    const files = made.flatMap(({ file }) => file ?? []);
    if (files.length > 0) await writeTogether(directory, files);
    return made.map(({ request }) => request);
  });
}

async function requestOf(
  directory: string,
  spec: CertSpec,
): Promise<{ request: CertificateRequestText; file?: NewFile }> {
  const path = placeOf(spec.name);
  const kept = readText(join(directory, path));
  const waiting = kept === undefined ? undefined : readingFrom(join(directory, path), () => pairOf(kept));
  if (waiting !== undefined && algorithmOf(waiting.publicKey) === spec.algorithm)
    return { request: { name: spec.name, pem: requestText(spec, waiting), isRepeated: true } };
  const keys = await newKeyPair(spec.algorithm);
  return {
    request: { name: spec.name, pem: requestText(spec, keys), isRepeated: false },
    file: { path, body: new Secret(privatePem(keys.privateKey)), isPermanent: false },
  };
}

function pairOf(pem: string): KeyPair {
  const privateKey = parsePrivateKey(pem);
  return { privateKey, publicKey: createPublicKey(privateKey) };
}

/** It asks for everything that the certificate must have; whoever signs decides what of it comes in. */
function requestText(spec: CertSpec, keys: KeyPair): string {
  const organizations = spec.organizations.map((value) => ({ type: ATTRIBUTES.O, value }));
  const usages = spec.usages.map((usage) => der.oid(USAGE_OIDS[usage]));
  return certificateRequest({
    subject: nameOf([...organizations, { type: ATTRIBUTES.CN, value: spec.commonName }]),
    sans: { dns: spec.dnsNames, ip: spec.ipAddresses, email: [], uri: [] },
    keys,
    // As kbin's own authorities below another one.
    ...(spec.isAuthority ? { authority: { pathLength: 0 } } : {}),
    others: [
      keyUsage(['digitalSignature', 'keyEncipherment', ...(spec.isAuthority ? (['keyCertSign'] as const) : [])]),
      ...(usages.length === 0 ? [] : [extension(EXTENSIONS.extendedKeyUsage, der.sequence(...usages))]),
    ],
  });
}

/** Requests that wait, by the sha256 of their public keys (SubjectPublicKeyInfo, DER), hex. */
export function pendingRequests(directory: string): Promise<Map<string, PendingRequest>> {
  return guarded(directory, async () => {
    await finishPending(directory);
    const requests = namesOf(directory).flatMap((name) => {
      const path = placeOf(name);
      const text = readText(join(directory, path));
      if (text === undefined) return [];
      const { publicKey } = readingFrom(join(directory, path), () => pairOf(text));
      return [[sha256Hex(spkiOf(publicKey)), { name, path, key: new Secret(text) }] as const];
    });
    return new Map(requests);
  });
}

/** Names that have a key in the folder. */
function namesOf(directory: string): CertificateName[] {
  const folder = join(directory, REQUESTS);
  const rowsIn = (path: string): string[] =>
    existsSync(path) ? readdirSync(path).flatMap((file) => /^([a-z][a-z0-9-]*)\.key$/.exec(file)?.[1] ?? []) : [];
  const hosts = join(folder, HOSTS);
  const names = existsSync(hosts) ? readdirSync(hosts).filter(isHostFolder) : [];
  return [...rowsIn(folder), ...names.flatMap((host) => rowsIn(join(hosts, host)).map((row) => `${row}@${host}`))];
}

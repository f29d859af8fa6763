import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { KbinError } from '../errors.ts';
import { ENCRYPTION } from '../model/encryption.ts';
import { generationOf, GENERATIONS, rootsOf, trustedOf, type Generation, type SecretRef } from '../model/pki.ts';
import { Secret } from '../model/secret.ts';
import { keyIsOutside, parseAuthorityRecord } from './authorityRecord.ts';
import { readChain } from './chain.ts';
import { readEncryptionDocument } from './encryptionStore.ts';
import { finishPending } from './journal.ts';
import { PRIVATE_LABELS } from './keys.ts';
import { filesOf, placesOf } from './layout.ts';
import type { Keyring } from './lock.ts';
import { fromPem } from './pem.ts';
import { damaged, readingFrom, readPair, readText } from './stored.ts';

const PARTS = {
  certificate: { file: 'certificate', labels: ['CERTIFICATE'] },
  key: { file: 'key', labels: PRIVATE_LABELS },
  'public-key': { file: 'publicKey', labels: ['PUBLIC KEY'] },
} as const;

/** Bundle of an authority's or public key's generations; as the planner takes it together from what `list` tells. */
function readTrusted(directory: string, { certificate: name, part }: SecretRef): Secret {
  const generations = (Object.keys(GENERATIONS) as Generation[])
    .map((generation) => generationOf(name, generation))
    .filter((own) => own === name || filesOf(directory, own).length > 0);
  const stored = Object.fromEntries(generations.map((own) => [own, readPair(directory, own).stored] as const));
  const texts = part === 'roots' ? (rootsOf(name, stored) ?? []) : trustedOf(name, stored).map(({ pem = '' }) => pem);
  return new Secret(texts.join(''));
}

/** Why a piece cannot be read. */
function missing(directory: string, { certificate, part }: SecretRef, path: string): KbinError {
  const record = join(directory, placesOf(certificate).document);
  const { isKeyOutside } = readingFrom(record, () => parseAuthorityRecord(readText(record)));
  return part === 'key' && isKeyOutside ? keyIsOutside(certificate) : damaged(path, 'is missing');
}

/** One piece of the store. Throws PKI for one that is missing, damaged, kept elsewhere, or stays locked. */
export async function readPart(directory: string, ref: SecretRef, keyring: Keyring): Promise<Secret> {
  const { certificate, part } = ref;
  await finishPending(directory);
  if (certificate === ENCRYPTION) return readEncryptionDocument(directory);
  if (part === 'trusted' || part === 'roots') return readTrusted(directory, ref);
  const { file, labels } = PARTS[part];
  const path = join(directory, placesOf(certificate)[file]);
  const text = readText(path);
  const lockedKey = join(directory, placesOf(certificate).lockedKey);
  if (text === undefined && part === 'key' && existsSync(lockedKey)) return keyring.open(lockedKey);
  if (text === undefined) throw missing(directory, ref, path);
  readingFrom(path, () => (part === 'certificate' ? readChain(text) : fromPem<string>(text, labels)));
  return new Secret(text);
}

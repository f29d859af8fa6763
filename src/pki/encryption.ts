import { dump } from 'js-yaml';
import { coveredBy, type Encryption, type EncryptionGeneration, type EncryptionProvider } from '../model/encryption.ts';
import type { JsonObject } from '../model/inventory.ts';
import { Secret } from '../model/secret.ts';

/** One generation with its key, if it has one: 32 bytes, base64. */
export interface EncryptionKey extends EncryptionGeneration {
  secret?: Secret;
}

const HEADER = '# Written by kbin, keys and all. They belong to the certificate store: kbin certs rotate-encryption.\n';

/** `key-20261120-103000`, in UTC: tells when, and stands in every value that it encrypts. */
const dateName = (now: number): string =>
  `key-${new Date(now).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')}`;

/** A name that none of these has: values of two keys must not begin alike. */
function freshName(now: number, taken: readonly string[]): string {
  const name = dateName(now);
  const others = taken.filter((one) => one === name || one.startsWith(`${name}-`)).length;
  return others === 0 ? name : `${name}-${others + 1}`;
}

const nameOf = ({ provider, kms }: Encryption, fresh: string): string =>
  ({ secretbox: fresh, aesgcm: fresh, kms: kms?.name ?? '', none: 'identity' })[provider];

const hasKey = (provider: EncryptionProvider): boolean => provider === 'secretbox' || provider === 'aesgcm';

/** A generation with a key of its own. `random`: 32 bytes that nobody can guess. `taken`: names of the keys before it. */
export function newEncryption(
  wanted: Encryption,
  { now, taken, random }: { now: number; taken: readonly string[]; random: Buffer },
): EncryptionKey {
  const key = nameOf(wanted, freshName(now, taken));
  const secret = hasKey(wanted.provider) ? { secret: new Secret(random.toString('base64')) } : {};
  return { ...wanted, key, createdAt: now, ...secret };
}

/** The generation without its key. */
export function shownEncryption(own: EncryptionKey): EncryptionGeneration {
  const { provider, resources, kms, key, createdAt } = own;
  return { provider, resources, key, createdAt, ...(kms === undefined ? {} : { kms }) };
}

/** A provider as EncryptionConfiguration has it. */
function providerOf({ provider, key, secret, kms }: EncryptionKey): JsonObject {
  if (provider === 'none') return { identity: {} };
  if (provider !== 'kms') return { [provider]: { keys: [{ name: key, secret: secret?.reveal() ?? '' }] } };
  const { name, endpoint, timeoutSeconds } = kms ?? { name: key, endpoint: '', timeoutSeconds: 0 };
  return { kms: { apiVersion: 'v2', name, endpoint, timeout: `${timeoutSeconds}s` } };
}

interface Entry {
  resources: string[];
  providers: JsonObject[];
}

const encrypted = ({ provider, resources }: EncryptionKey): string[] => (provider === 'none' ? [] : resources);

/**
 * Entries in which each resource finds its providers in the order of the generations, the first of which writes it; what a
 * generation does not encrypt it reads and writes as it is. Entries of one resource add up, and a KMS provider may stand
 * only once in all of them. Source: k8s.io/apiserver pkg/server/options/encryptionconfig/config.go,
 * getTransformerOverridesAndKMSPluginProbes, and validateKMSConfigName.
 */
function entriesOf(generations: readonly EncryptionKey[]): Entry[] {
  const all = coveredBy(generations);
  const placed = new Set<string>();
  return generations.flatMap((own) => {
    const plain = all.filter((resource) => !encrypted(own).includes(resource));
    const same = generations.filter(({ provider, key }) => provider === own.provider && key === own.key);
    const isPlaced = own.provider === 'none' || placed.has(`${own.provider} ${own.key}`);
    placed.add(`${own.provider} ${own.key}`);
    return [
      { resources: plain, providers: [{ identity: {} }] },
      { resources: isPlaced ? [] : coveredBy(same), providers: [providerOf(own)] },
    ].filter(({ resources }) => resources.length > 0);
  });
}

/** Entries of the same resources that follow one another as one, and identity once a resource. */
function joinedEntries(entries: readonly Entry[]): Entry[] {
  const joined: Entry[] = [];
  for (const { resources, providers } of entries) {
    const last = joined.at(-1);
    if (last?.resources.join() === resources.join()) last.providers.push(...providers);
    else joined.push({ resources, providers: [...providers] });
  }
  return joined;
}

/**
 * EncryptionConfiguration with everything that these generations say, the first of which writes. It holds their keys: show
 * it to nobody.
 */
export const encryptionDocument = (generations: readonly EncryptionKey[]): Secret =>
  new Secret(
    HEADER +
      dump(
        {
          apiVersion: 'apiserver.config.k8s.io/v1',
          kind: 'EncryptionConfiguration',
          resources: joinedEntries(entriesOf(generations)),
        },
        { noRefs: true, lineWidth: -1 },
      ),
  );

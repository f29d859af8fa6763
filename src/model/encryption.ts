import type { Generation } from './pki.ts';

export const ENCRYPTION_PROVIDERS = ['secretbox', 'aesgcm', 'kms', 'none'] as const;
export type EncryptionProvider = (typeof ENCRYPTION_PROVIDERS)[number];

/** A KMS plugin on every control plane, which kbin does not run. */
export interface Kms {
  name: string;
  /** Such as `unix:///run/kms/plugin.sock`. */
  endpoint: string;
  timeoutSeconds: number;
}

/** How the API servers encrypt what they store; with `none` nothing is. */
export interface Encryption {
  provider: EncryptionProvider;
  /** As EncryptionConfiguration names them, sorted: `secrets`, `deployments.apps`; never a wildcard. */
  resources: string[];
  /** Of the provider kms. */
  kms?: Kms;
}

/**
 * Under this name the certificate store hands out the EncryptionConfiguration, as a key. It has the generations of an
 * authority: the one that writes, the one that will, and the one that did.
 */
export const ENCRYPTION = 'encryption';

/** One generation as it may be shown: without its key. */
export interface EncryptionGeneration extends Encryption {
  /** Name of the key, of the KMS provider, or `identity`. */
  key: string;
  /** Milliseconds since the epoch. */
  createdAt: number;
}

export type StoredEncryption = { current: EncryptionGeneration } & {
  [generation in Exclude<Generation, 'current'>]?: EncryptionGeneration;
};

/** Resources that any of these generations encrypts, sorted; where none does, those that it names. */
export function coveredBy(generations: readonly Encryption[]): string[] {
  const encrypting = generations.filter(({ provider }) => provider !== 'none');
  const counted = encrypting.length > 0 ? encrypting : generations;
  return [...new Set(counted.flatMap(({ resources }) => resources))].sort();
}

/** Whether both say the same. */
export const isSameEncryption = (one: Encryption, other: Encryption): boolean =>
  one.provider === other.provider &&
  // What is not encrypted is all the same.
  (one.provider === 'none' || one.resources.join() === other.resources.join()) &&
  one.kms?.name === other.kms?.name &&
  one.kms?.endpoint === other.kms?.endpoint &&
  one.kms?.timeoutSeconds === other.kms?.timeoutSeconds;

import type { Encryption } from '../model/encryption.ts';
import { DEFAULTS } from './defaults.ts';
import type { Draft } from './schema/cluster.ts';

/** `secrets.` is the long form of `secrets`: the core group has no name. */
export const resourceName = (text: string): string => text.replace(/\.$/, '');

/** The section encryption with its defaults; in one order, so that another order in the file is no change. */
export function encryptionOf({ encryption = {} }: Pick<Draft, 'encryption'>): Encryption {
  const { provider = DEFAULTS.encryption.provider, resources = DEFAULTS.encryption.resources, kms } = encryption;
  return {
    provider,
    resources: resources.map(resourceName).sort(),
    ...(kms === undefined
      ? {}
      : { kms: { ...kms, timeoutSeconds: kms.timeoutSeconds ?? DEFAULTS.encryption.kms.timeoutSeconds } }),
  };
}

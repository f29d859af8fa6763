import { PLACES } from '../catalog/places.ts';
import { ENCRYPTION } from '../model/encryption.ts';
import type { File } from '../model/resource.ts';
import { overrideOf, type Context } from './context.ts';
import type { Flags } from './flags.ts';
import { pemFile } from './resources.ts';

const FLAG = 'encryption-provider-config';

/**
 * EncryptionConfiguration: how what the apiserver stores is encrypted. It is there also where nothing is, so that only its
 * content changes when something shall be. An inventory that sets the flag itself gets no file.
 *
 * The apiserver reads it again within a minute, but only a restart proves with which keys it reads and writes before the
 * next stage of a rotation (decision 0007).
 */
export function encryptionParts(context: Context): { files: File[]; flags: Flags } {
  const { args, config } = overrideOf(context, 'kube-apiserver');
  if (FLAG in args || FLAG in config) return { files: [], flags: {} };
  return {
    files: [pemFile('apiserver', PLACES.encryption, { certificate: ENCRYPTION, part: 'key' })],
    flags: { [FLAG]: PLACES.encryption, [`${FLAG}-automatic-reload`]: 'true' },
  };
}

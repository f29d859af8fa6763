import { PLACES } from '../catalog/places.ts';
import { ENCRYPTION, type Kms } from '../model/encryption.ts';
import type { File, HostProgram } from '../model/resource.ts';
import { overrideOf, type Context } from './context.ts';
import type { Flags } from './flags.ts';
import { pemFile } from './resources.ts';

const FLAG = 'encryption-provider-config';

/** Its socket must be there before an apiserver is told of it: without it none starts. */
function plugin({ name, endpoint }: Kms): HostProgram {
  const path = endpoint.replace(/^unix:\/\//, '');
  return {
    id: `host-program:${path}`,
    kind: 'host-program',
    phase: 'apiserver',
    path,
    package: name,
    fix: `Start the KMS plugin ${name} there; kbin does not run it.`,
  };
}

/**
 * EncryptionConfiguration: how what the apiserver stores is encrypted. It is there also where nothing is, so that only its
 * content changes when something shall be. An inventory that sets the flag itself gets no file.
 *
 * The apiserver reads it again within a minute, but only a restart proves with which keys it reads and writes before the
 * next stage of a rotation (decision 0007).
 */
export function encryptionParts(context: Context): { plugins: HostProgram[]; files: File[]; flags: Flags } {
  const { args, config } = overrideOf(context, 'kube-apiserver');
  if (FLAG in args || FLAG in config) return { plugins: [], files: [], flags: {} };
  const { kms } = context.inventory.encryption;
  return {
    plugins: kms === undefined ? [] : [plugin(kms)],
    files: [pemFile('apiserver', PLACES.encryption, { certificate: ENCRYPTION, part: 'key' })],
    flags: { [FLAG]: PLACES.encryption, [`${FLAG}-automatic-reload`]: 'true' },
  };
}

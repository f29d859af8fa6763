import { KbinError } from '../errors.ts';
import { isEncryptionKept } from '../plan/encryption.ts';
import type { Engine } from './engine.ts';

/**
 * The engine before a rotation of the encryption, as if the inventory wanted what the store has: preflight must not refuse
 * the very change that is to begin. Throws REFUSED where kbin does not say how objects are encrypted.
 */
export async function beforeEncryption(engine: Engine): Promise<Engine> {
  if (!isEncryptionKept(engine.desired)) {
    throw new KbinError('REFUSED', 'the inventory hands the API servers an encryption-provider-config of its own', {
      hint: 'Remove that flag from components.kube-apiserver, or rotate its keys by hand.',
    });
  }
  const encryption = await engine.pki.encryption();
  if (encryption === null) return engine;
  const { current } = encryption;
  return { ...engine, inventory: { ...engine.inventory, encryption: current } };
}

import { KbinError } from '../errors.ts';
import { ENCRYPTION, isSameEncryption } from '../model/encryption.ts';
import type { Rotation } from '../model/pki.ts';
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

/**
 * A rotation as it was found. One of the encryption whose next key writes nothing yet is begun anew when the inventory
 * wants something else meanwhile: that key may be one that no API server can use, such as a KMS that is not there.
 */
export async function begunAnew(engine: Engine, found: Rotation | undefined): Promise<Rotation | undefined> {
  const { pki, inventory, clock } = engine;
  if (found?.name !== ENCRYPTION || found.stage !== 'trust') return found;
  const next = (await pki.encryption())?.next;
  if (next === undefined || isSameEncryption(next, inventory.encryption)) return found;
  const { encryption } = inventory;
  return pki.begin({ name: ENCRYPTION, authorities: [], keyPairs: [], encryption }, clock.now());
}

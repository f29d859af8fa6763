import type { CertSpec, KeyPairSpec, StoredCertificate } from '../model/pki.ts';
import type { Pki } from '../model/ports.ts';
import { changing, guarded } from './access.ts';
import { clusterIdOf } from './clusterId.ts';
import { issueEncryption, listEncryption, storedEncryption } from './encryptionStore.ts';
import { beginRotation, distrust, endRotation, promote, readRotations } from './generations.ts';
import { finishPending, writeTogether } from './journal.ts';
import { listStore } from './listing.ts';
import { type Keyring, keyringOf, type Unlock } from './lock.ts';
import { makeCertificates, makeKeyPair } from './make.ts';
import { readPart } from './parts.ts';
import { probeIdentity } from './probeIdentity.ts';
import { checkReplacements, refuseExisting } from './replacements.ts';

/**
 * The operator's PKI directory, made 0700 with the first write. Every method throws PKI, naming the file, for one that is
 * missing, damaged, half-written or open to others. Safe for concurrent use, by several processes too.
 * `unlock` is asked once at most, and only when something is to be signed with a key that is locked.
 */
export function openPkiStore(directory: string, { unlock }: { unlock?: Unlock } = {}): Pki {
  const keyring = keyringOf(directory, unlock);
  let last: Promise<unknown> = Promise.resolve();
  // One after another: an authority that one call issues is there for the next.
  const exclusively = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(() => changing(directory, work));
    last = result.catch(() => undefined);
    return result;
  };
  const issueAll = (specs: CertSpec[], now: number) =>
    exclusively(() => issueSpecs(directory, specs, { now, keyring }));
  return {
    list: () => guarded(directory, async () => ({ ...(await listStore(directory)), ...listEncryption(directory) })),
    issueAll,
    issue: async (spec, now) => {
      const [stored] = await issueAll([spec], now);
      if (stored === undefined) throw new Error(`${spec.name} was not issued`);
      return stored;
    },
    issueKeyPair: (spec) => exclusively(() => issuePair(directory, spec)),
    encryption: () => guarded(directory, () => storedEncryption(directory)),
    issueEncryption: (wanted, now) => exclusively(() => issueEncryption(directory, wanted, now)),
    read: (ref) => guarded(directory, () => readPart(directory, ref, keyring)),
    clusterId: () =>
      guarded(directory, async () => {
        await finishPending(directory);
        return clusterIdOf(directory);
      }),
    rotations: () => guarded(directory, () => Promise.resolve(Object.values(readRotations(directory)))),
    begin: (next, now) => exclusively(() => beginRotation(directory, next, { now, keyring })),
    promote: (name) => exclusively(() => promote(directory, name)),
    distrust: (name) => exclusively(() => distrust(directory, name)),
    probeIdentity: (probe, now) => guarded(directory, () => probeIdentity(directory, probe, { now, keyring })),
    end: (name) => exclusively(() => endRotation(directory, name)),
  };
}

async function issueSpecs(
  directory: string,
  specs: readonly CertSpec[],
  signing: { now: number; keyring: Keyring },
): Promise<StoredCertificate[]> {
  await finishPending(directory);
  await checkReplacements(directory, specs);
  const { files, stored } = await makeCertificates(directory, specs, signing);
  if (files.length > 0) await writeTogether(directory, files);
  return stored;
}

async function issuePair(directory: string, { name, algorithm }: KeyPairSpec): Promise<StoredCertificate> {
  await finishPending(directory);
  refuseExisting(directory, name);
  const { files, stored } = await makeKeyPair({ name, algorithm });
  await writeTogether(directory, files);
  return stored;
}

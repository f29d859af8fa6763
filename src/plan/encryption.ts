import { ENCRYPTION, isSameEncryption, type Encryption } from '../model/encryption.ts';
import type { Facts } from '../model/facts.ts';
import { hostsWith } from '../model/inventory.ts';
import type { Desired, Resource } from '../model/resource.ts';
import type { Finding, Ground } from './finding.ts';
import { isFormed } from './quorum.ts';

const isDocument = (resource: Resource): boolean =>
  resource.kind === 'file' && 'secret' in resource.body && resource.body.secret.certificate === ENCRYPTION;

/** Whether kbin says how stored objects are encrypted; not where the inventory hands the API servers a file of its own. */
export const isEncryptionKept = (desired: Pick<Desired, 'hosts'>): boolean =>
  Object.values(desired.hosts).some((resources) => resources.some(isDocument));

/**
 * How a cluster begins whose store says nothing of it; undefined where nothing is to be made. One that runs already has
 * stored its objects as they are, and they must stay readable until they are written again.
 */
export function firstEncryption({ inventory, desired, facts }: Ground): Encryption | undefined {
  if (facts.local.encryption !== undefined || !isEncryptionKept(desired)) return undefined;
  const { encryption } = inventory;
  return isFormed({ inventory, facts }) ? { provider: 'none', resources: encryption.resources } : encryption;
}

/** `secrets by secretbox` */
export const encryptionText = ({ provider, resources, kms }: Encryption): string =>
  provider === 'none'
    ? 'nothing'
    : `${resources.join(', ')} by ${kms === undefined ? provider : `${provider} (${kms.name}, ${kms.endpoint}, ${kms.timeoutSeconds} s)`}`;

/** What is or will be written once a rotation under way has ended. */
const decided = (facts: Facts): Encryption | undefined =>
  facts.local.encryption?.next ?? facts.local.encryption?.current;

/** The inventory wants another encryption than the objects are written with: rewriting them is a rotation. */
export function encryptionFindings(ground: Ground): Finding[] {
  const { inventory, desired, facts } = ground;
  if (!isEncryptionKept(desired)) return [];
  const own = decided(facts) ?? firstEncryption(ground);
  if (own === undefined || isSameEncryption(own, inventory.encryption)) return [];
  return [
    {
      id: 'encryption',
      // Of a cluster that runs already the first step is to say how its objects are written, as they are.
      severity: facts.local.encryption === undefined ? 'warning' : 'error',
      hosts: hostsWith(inventory, 'control-plane').map(({ name }) => name),
      message: `encrypted in etcd: ${encryptionText(own)}; the inventory wants ${encryptionText(inventory.encryption)}`,
      fix:
        facts.local.encryption?.old === undefined
          ? 'kbin certs rotate-encryption carries it out, object by object; a deploy does not.'
          : 'A rotation to the former is under way: put encryption back, end it with kbin certs rotate-encryption, then change it.',
    },
  ];
}

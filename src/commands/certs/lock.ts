import { loadInventory } from '../../inventory/load.ts';
import { pkiFolder } from '../../paths.ts';
import { lockedAlready, lockStore } from '../../pki/locking.ts';
import { readLock } from '../../pki/lock.ts';
import { INVENTORY_OPTION, text, type Arguments, type Command } from '../command.ts';
import { IDENTITY_OPTION, identityFileOf, PASSPHRASE_VARIABLE, readIdentity, takenPassphrase } from '../unlock.ts';
import { AUDIENCE_OPTIONS, audienceOf, hasAudience } from './audience.ts';

const NOBODY_ELSE =
  'Without it nothing can be issued from now on, and nobody can bring it back: keep a copy elsewhere.';

export const lock: Command = {
  usage: 'certs lock',
  describe: 'encrypt the keys of the authorities with age; they are opened in memory only',
  options: { ...INVENTORY_OPTION, ...AUDIENCE_OPTIONS, ...IDENTITY_OPTION },
  run: async (args) => {
    const { cluster } = await loadInventory(text(args, 'inventory') ?? '');
    const directory = pkiFolder(cluster);
    const isLocked = readLock(directory) !== null;
    if (isLocked && hasAudience(args)) throw lockedAlready(directory);
    const asking = { question: `New passphrase for the CA keys of ${cluster}:`, variable: PASSPHRASE_VARIABLE };
    const audience = isLocked ? undefined : await audienceOf(args, asking);
    const proof = audience !== undefined && 'recipients' in audience ? await proofOf(args) : undefined;
    const keys = await lockStore(directory, audience, proof);
    const what = audience === undefined || 'recipients' in audience ? 'An identity of a recipient' : 'The passphrase';
    for (const line of toldOf(keys, isLocked)) process.stdout.write(`${line}\n`);
    if (!isLocked) process.stdout.write(`${what} opens them. ${NOBODY_ELSE}\n`);
    return 0;
  },
};

/** An identity that the operator has at hand has to open what is locked. */
async function proofOf(args: Arguments) {
  const file = identityFileOf(args);
  return file === undefined ? undefined : readIdentity(file, takenPassphrase(PASSPHRASE_VARIABLE));
}

function toldOf(keys: readonly string[], isLocked: boolean): string[] {
  if (keys.length > 0) return [`Locked: ${keys.join(', ')}.`];
  if (isLocked) return ['Everything is locked already.'];
  return ['There is no authority yet: those that kbin deploy makes are locked from the beginning.'];
}

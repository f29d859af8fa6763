import type { Engine } from '../../engine/engine.ts';
import { KbinError } from '../../errors.ts';
import type { CertificateName } from '../../model/pki.ts';
import type { NextGeneration } from '../../model/ports.ts';
import { sha256Hex } from '../../pki/certificate.ts';
import { givenAuthority, type GivenAuthority } from '../../pki/outside/givenAuthority.ts';
import { authorityWish } from '../../pki/outside/wishes.ts';
import { text, type Arguments } from '../command.ts';
import { authorityFilesOf } from './importAuthority.ts';
import { faultsError } from './outsideStore.ts';

/**
 * The authority of the operator's that an authority is rotated to; undefined where kbin is to make it. Throws USAGE for
 * options that do not fit together, PKI for everything that is wrong with the files.
 */
export async function givenNext(
  { inventory, rows, pki, clock }: Pick<Engine, 'inventory' | 'rows' | 'pki' | 'clock'>,
  name: CertificateName,
  args: Arguments,
): Promise<(NonNullable<NextGeneration['given']> & Pick<GivenAuthority, 'notes'>) | undefined> {
  const [cert, key, chain] = ['cert', 'key', 'chain'].map((option) => text(args, option));
  if (cert === undefined && key === undefined && chain === undefined) return undefined;
  if (cert === undefined || key === undefined)
    throw new KbinError('USAGE', '--cert and --key belong together', {
      hint: 'An authority whose key stays outside can only be that of a new cluster: kbin certs import --authority.',
    });
  const stored = (await pki.list())[name];
  // What is below it is made again, so nothing of it counts as there.
  const given = givenAuthority(
    await authorityFilesOf(args),
    authorityWish(name, { inventory, rows, stored: {}, now: clock.now() }),
  );
  if ('faults' in given)
    throw faultsError(given.faults, 'Give the certificate of an authority that may sign this, and its own key.');
  if (sha256Hex(given.read.spki) === stored?.spkiSha256 && stored.pem !== given.pem)
    throw new KbinError('PKI', `${cert} has the key that ${name} has now`, {
      hint: 'A rotation is to another key: only then what the old one signed can be told from the rest. Nothing was written.',
    });
  const { pem, above, notes } = given;
  return given.key === undefined ? undefined : { pem, above, key: given.key, notes };
}

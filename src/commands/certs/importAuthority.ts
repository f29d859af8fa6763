import { KbinError } from '../../errors.ts';
import { adopt, checkDependents, checkVacancy } from '../../pki/outside/adopt.ts';
import { givenAuthority, type AuthorityFiles, type GivenAuthority } from '../../pki/outside/givenAuthority.ts';
import { authorityNames, authorityWish } from '../../pki/outside/wishes.ts';
import { text, type Arguments } from '../command.ts';
import { readInput, readSecret } from './genSource.ts';
import { faultsError, say, warn, type OutsideStore } from './outsideStore.ts';

/** An authority of the operator's becomes one of a cluster that has none yet. */
export async function importAuthority(store: OutsideStore, args: Arguments): Promise<number> {
  const name = text(args, 'authority') ?? '';
  const names = authorityNames(store);
  if (!names.includes(name))
    throw new KbinError('USAGE', `--authority: this cluster has no authority ${name}`, {
      hint: `There are ${names.join(', ')}.`,
    });
  checkVacancy(store, [name]);
  const given = givenAuthority(await authorityFilesOf(args), authorityWish(name, store));
  if ('faults' in given)
    throw faultsError(
      given.faults,
      'Give the certificate of an authority that may sign this, its own key, and with --chain those above it.',
    );
  checkDependents(store, given);
  await adopt(store, [given]);
  given.notes.forEach(warn);
  for (const line of toldOf(store, given)) say(line);
  return 0;
}

/** The files that the options name. Throws USAGE without a certificate. */
export async function authorityFilesOf(args: Arguments): Promise<AuthorityFiles> {
  const [certificate, key, chain] = [text(args, 'cert'), text(args, 'key'), text(args, 'chain')];
  if (certificate === undefined)
    throw new KbinError('USAGE', 'the certificate of the authority is missing: --cert', {
      hint: 'Name the file with the certificate of the authority.',
    });
  return {
    certificate: { label: certificate, text: await readInput(certificate) },
    ...(key === undefined ? {} : { key: { label: key, text: await readSecret(key) } }),
    ...(chain === undefined ? {} : { chain: { label: chain, text: await readInput(chain) } }),
  };
}

function toldOf(
  { inventory: { cluster }, inventoryFile }: OutsideStore,
  { name, read, key, above }: GivenAuthority,
): string[] {
  const end = new Date(read.x509.validTo).toISOString().slice(0, 10);
  const below = above.length === 0 ? '' : `, below ${above.length === 1 ? 'its root' : `${above.length} others`}`;
  return [
    `${name} of cluster ${cluster} is ${read.commonName}, valid until ${end}${below}.`,
    key === undefined
      ? `Its key stays outside. What it has to sign: kbin certs csr -i ${inventoryFile} -o DIR`
      : 'Its key is in the store: kbin signs with it. kbin certs lock encrypts it.',
  ];
}

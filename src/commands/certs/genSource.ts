import { readFileSync } from 'node:fs';
import { text as textOf } from 'node:stream/consumers';
import { KbinError } from '../../errors.ts';
import { loadInventory } from '../../inventory/load.ts';
import { Secret } from '../../model/secret.ts';
import { pkiFolder } from '../../paths.ts';
import type { AuthorityTexts } from '../../pki/request/authority.ts';
import type { Unlock } from '../../pki/lock.ts';
import { openPkiStore } from '../../pki/store.ts';
import { flag, text, type Arguments } from '../command.ts';

/** Who signs: a new authority itself, perhaps with a key that is there; an authority in files; one of a cluster's store. */
export type Source =
  | { kind: 'new'; keyFile: string | undefined }
  | { kind: 'files'; certificate: string; key: string }
  | { kind: 'store'; inventory: string; name: string };

const usage = (what: string, hint: string): KbinError => new KbinError('USAGE', what, { hint });

/** Throws USAGE unless the options name exactly one. */
export function sourceOf(args: Arguments): Source {
  const [ca, caKey, inventory, name] = ['ca', 'ca-key', 'inventory', 'authority'].map((option) => text(args, option));
  const isNew = flag(args, 'initca');
  const ways = [isNew, ca !== undefined, inventory !== undefined || name !== undefined].filter(Boolean).length;
  if (ways !== 1)
    throw usage(
      ways === 0 ? 'nothing says who signs' : 'only one can sign',
      'Write --ca FILE --ca-key FILE, or -i INVENTORY --authority NAME, or --initca for a new authority.',
    );
  if (isNew) {
    const idle = ['config', 'profile', 'hostname'].find((option) => text(args, option) !== undefined);
    if (idle !== undefined)
      throw usage(
        `--${idle} has no meaning with --initca`,
        'A new authority is what its request says, in "ca" and "hosts".',
      );
    return { kind: 'new', keyFile: caKey };
  }
  if (ca !== undefined) {
    if (caKey === undefined) throw usage('--ca needs --ca-key', 'Name the key of this certificate as well.');
    return { kind: 'files', certificate: ca, key: caKey };
  }
  if (inventory === undefined || name === undefined || caKey !== undefined)
    throw usage('-i and --authority belong together, without --ca-key', 'Write such as -i prod.yaml --authority ca.');
  return { kind: 'store', inventory, name };
}

/** Text of a file; `-` is standard input. Throws USAGE when it cannot be read. */
export async function readInput(file: string): Promise<string> {
  if (file === '-') return textOf(process.stdin);
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new KbinError('USAGE', `${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/** The same for a text that must not be seen. */
export const readSecret = async (file: string): Promise<Secret> => new Secret(await readInput(file));

/** Certificate and key of an authority. Throws PKI when the store has no authority of that name. */
export async function authorityTexts(
  source: Exclude<Source, { kind: 'new' }>,
  unlock: Unlock,
): Promise<AuthorityTexts> {
  if (source.kind === 'store') return storedAuthority(source, unlock);
  const [certificate, key] = await Promise.all([readInput(source.certificate), readSecret(source.key)]);
  return {
    certificate: { label: source.certificate, pem: certificate },
    key: { label: source.key, pem: key },
  };
}

async function storedAuthority(
  { inventory, name }: { inventory: string; name: string },
  unlock: Unlock,
): Promise<AuthorityTexts> {
  const { cluster } = await loadInventory(inventory);
  const store = openPkiStore(pkiFolder(cluster), { unlock });
  const authorities = Object.values(await store.list()).filter(({ isAuthority }) => isAuthority);
  if (!authorities.some((authority) => authority.name === name)) {
    const names = authorities.map((authority) => authority.name);
    throw new KbinError('PKI', `cluster ${cluster} has no authority ${name} here`, {
      hint: names.length === 0 ? 'kbin deploy makes its authorities.' : `There are ${names.join(', ')}.`,
    });
  }
  const [certificate, key] = await Promise.all([
    store.read({ certificate: name, part: 'certificate' }),
    store.read({ certificate: name, part: 'key' }),
  ]);
  const label = `${name} of ${cluster}`;
  return { certificate: { label, pem: certificate.reveal() }, key: { label: `the key of ${label}`, pem: key } };
}

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { type Header, pack } from 'tar-stream';
import { decryptBytes, encryptBytes, type Identity } from '../../../src/pki/age.ts';
import type { BackupPlaces } from '../../../src/pki/backup.ts';
import { readBackup } from '../../../src/pki/backupFormat.ts';
import type { Keys } from './lockSamples.ts';
import { NOW } from './samples.ts';

export const ABOUT = { cluster: 'prod', kbin: '0.1.0', now: NOW };

export const placesIn = (folder: string): BackupPlaces => ({
  pki: join(folder, 'pki'),
  ledger: join(folder, 'kubeconfigs.json'),
});

/** Every file below a folder, as it is; hidden ones too. */
export function contents(folder: string): Record<string, string> {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  const files = paths.filter((path) => statSync(join(folder, path)).isFile());
  return Object.fromEntries(files.map((path) => [path, readFileSync(join(folder, path), 'latin1')]));
}

export async function opened(bytes: Uint8Array, identity: Identity) {
  const backup = await readBackup(bytes, identity, 'x.age');
  if (backup === undefined) throw new Error('was not opened');
  return backup;
}

/** An archive that somebody else made, who knows the recipient: entries as they are told, with these changes. */
export async function forged(
  bytes: Uint8Array,
  { audience, identity }: Keys,
  entries: readonly (Partial<Header> & { name: string; body?: string })[],
): Promise<Uint8Array> {
  const { files, ...head } = await opened(bytes, identity);
  const archive = pack();
  const whole = buffer(archive);
  const own = new Set(entries.map(({ name }) => name));
  if (!own.has('backup.json')) archive.entry({ name: 'backup.json' }, JSON.stringify(head));
  for (const [name, { body }] of files) if (!own.has(name)) archive.entry({ name }, body);
  for (const { body = '', ...header } of entries) archive.entry(header, body);
  archive.finalize();
  return encryptBytes(await whole, audience);
}

/** Names in the archive, in their order, as tar has them. */
export async function archiveOf(bytes: Uint8Array, identity: Identity): Promise<Buffer> {
  const archive = await decryptBytes(bytes, identity);
  if (archive === undefined) throw new Error('was not opened');
  return archive;
}

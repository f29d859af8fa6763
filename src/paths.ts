import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Templates } from './model/resource.ts';

/** Folder that holds units/, certs/ and inventory/: the checkout, or the installed package. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('the installed package has lost its package.json');
    folder = parent;
  }
  return folder;
}

/** Every template below units/, by its path there. */
export async function readTemplates(): Promise<Templates> {
  const root = join(packageRoot(), 'units');
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  return Object.fromEntries(files.map((file, index) => [file.slice(root.length + 1), texts[index] ?? '']));
}

export const readCertificateCatalog = (): Promise<string> =>
  readFile(join(packageRoot(), 'certs', 'catalog.yml'), 'utf8');

/** Operator's own data: KBIN_HOME, or ~/.kbin. */
export const kbinHome = (): string => process.env['KBIN_HOME'] ?? join(homedir(), '.kbin');
export const cacheFolder = (): string => process.env['KBIN_CACHE'] ?? join(kbinHome(), 'cache');
export const clusterFolder = (cluster: string): string => join(kbinHome(), 'clusters', cluster);
export const pkiFolder = (cluster: string): string => join(clusterFolder(cluster), 'pki');

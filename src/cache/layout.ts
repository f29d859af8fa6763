import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { KbinError } from '../errors.ts';
import { ARCHES, VERSIONED, type Arch, type VersionedName } from '../model/inventory.ts';

/** A file in a folder that is imported, and what its path says about it. */
export interface Candidate {
  file: string;
  type: 'binary' | 'image';
  component: VersionedName | 'smoke';
  version: string;
  arch: Arch;
  /** Program name; images take theirs from the archive. */
  program?: string;
}

const COMPONENTS: readonly string[] = [...VERSIONED, 'smoke'];
const isComponent = (name: string): name is VersionedName | 'smoke' => COMPONENTS.includes(name);
const isArch = (name: string): name is Arch => (ARCHES as readonly string[]).includes(name);

/** `bin/<component>/<version>/<arch>/<program>` and `images/<component>/<version>/<arch>.tar`; anything else is undefined. */
export function candidateAt(folder: string, path: string): Candidate | undefined {
  const [kind, component, version, third, fourth, ...rest] = path.split('/');
  if (component === undefined || version === undefined || third === undefined || rest.length > 0) return undefined;
  if (!isComponent(component)) return undefined;
  if (kind === 'bin' && fourth !== undefined && isArch(third)) {
    return { file: join(folder, path), type: 'binary', component, version, arch: third, program: fourth };
  }
  const arch = third.replace(/\.tar$/, '');
  if (kind === 'images' && fourth === undefined && third.endsWith('.tar') && isArch(arch)) {
    return { file: join(folder, path), type: 'image', component, version, arch };
  }
  return undefined;
}

/** Everything under `folder` that has the layout of a cache import, and the paths that have not. */
export async function candidatesIn(folder: string): Promise<{ candidates: Candidate[]; ignored: string[] }> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((cause: unknown) => {
    throw new KbinError('CACHE', `${folder} cannot be read`, { hint: 'Give a folder with bin/ and images/.', cause });
  });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.replace(/\/+$/, '').length + 1))
    .sort();
  const candidates: Candidate[] = [];
  const ignored: string[] = [];
  for (const path of paths) {
    const candidate = candidateAt(folder, path);
    if (candidate === undefined) ignored.push(path);
    else candidates.push(candidate);
  }
  return { candidates, ignored };
}

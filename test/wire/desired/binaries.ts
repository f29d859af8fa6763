import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { VersionedName } from '../../../src/model/inventory.ts';
import type { Resource } from '../../../src/model/resource.ts';

/** The real programs as built for the lab. Where they are not, scripts/demo builds them. */
const arch = process.arch === 'arm64' ? 'arm64' : 'amd64';
export const bin = join(process.env['KBIN_LAB_CACHE'] ?? '/var/cache/kbin-lab', 'artifacts/bin');

/** Versions in which a component is built. */
export const versionsOf = (component: VersionedName): string[] => {
  const folder = join(bin, component);
  return existsSync(folder) ? readdirSync(folder).filter((version) => existsSync(join(folder, version, arch))) : [];
};

export const programPath = (component: VersionedName, version: string, name: string): string =>
  join(bin, component, version, arch, name);

export function textAt(resources: readonly Resource[], path: string): string {
  const file = resources.find((resource) => resource.kind === 'file' && resource.path === path);
  if (file?.kind !== 'file' || !('text' in file.body)) throw new Error(`no text at ${path}`);
  return file.body.text;
}

/** Exit code, and all that the program said; null when it had to be ended after a minute. */
export function run(program: string, args: readonly string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: 60_000 });
  return { status, output: `${stdout}${stderr}` };
}

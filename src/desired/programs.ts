import { join } from 'node:path/posix';
import { programSet, versionedPath } from '../catalog/artifacts.ts';
import type { VersionedName } from '../model/inventory.ts';
import type { PhaseName } from '../model/phase.ts';
import type { Binary } from '../model/resource.ts';
import type { Context } from './context.ts';

/** One program of a component in this inventory's version, linked into the directory of its kind. */
export function program({ inventory, host }: Context, component: VersionedName, name: string): Omit<Binary, 'phase'> {
  const version = inventory.versions[component];
  const link = join(programSet(component).linkDir ?? inventory.binDir, name);
  return {
    id: `binary:${link}`,
    kind: 'binary',
    artifact: { type: 'binary', component, version, arch: host.arch, name },
    path: versionedPath(component, version, name),
    link,
  };
}

/** All programs of a component. */
export const programs = (context: Context, component: VersionedName, phase: PhaseName): Binary[] =>
  programSet(component).names.map((name) => ({ ...program(context, component, name), phase }));

/** One of the Kubernetes programs. */
export const kubernetesProgram = (context: Context, name: string, phase: PhaseName): Binary => ({
  ...program(context, 'kubernetes', name),
  phase,
});

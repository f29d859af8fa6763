import { join } from 'node:path/posix';
import { PLACES } from '../catalog/places.ts';
import type { ComponentName } from '../model/inventory.ts';
import type { PhaseName } from '../model/phase.ts';
import type { File, Pair, ResourceId, Unit } from '../model/resource.ts';
import { overrideOf, type Context } from './context.ts';
import { certificateOf, keyOf } from './pki.ts';
import { textFile } from './resources.ts';
import { directiveLine, environmentLine, execLines, execWord } from './systemd.ts';

export interface Service {
  component: ComponentName;
  phase: PhaseName;
  /** Template below units/, `<folder>/<unit name>.hbs`; the unit is called after it. */
  template: string;
  /** The program's path and its arguments. */
  words: readonly string[];
  environment?: Readonly<Record<string, string>>;
  /** What the program does not reload by itself, beside its unit file. */
  restartsOn: readonly ResourceId[];
  /** A pair of which it gets a copy at every start (`startCopy`), so that it never sees another one while it runs. */
  copies?: Pair;
  /** Inputs, which are not in restartsOn, that it reads again when systemd asks it to reload. */
  reloadsOn?: readonly ResourceId[];
  start?: Unit['start'];
}

const lines = (entries: Readonly<Record<string, string>>, line: (name: string, value: string) => string): string[] =>
  Object.entries(entries)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => line(name, value));

/** Where a unit's program finds its copy of a pair. systemd makes the directory, and takes it away when the unit stops. */
export const startCopy = (component: ComponentName): Pick<Pair, 'path'> => ({ path: join('/run', component) });

const copyLines = (component: ComponentName, copied: Pair): string[] => [
  directiveLine('RuntimeDirectory', component),
  directiveLine('RuntimeDirectoryMode', '0700'),
  `ExecStartPre=${['/bin/cp', '-L', '--', certificateOf(copied), keyOf(copied), startCopy(component).path].map(execWord).join(' ')}`,
];

/** The unit file of a program and the unit, with the inventory's environment and resource directives. */
export function service(context: Context, wanted: Service): [File, Unit] {
  const { component, copies } = wanted;
  const { env, resources } = overrideOf(context, component);
  const name = wanted.template.replace(/^.*\//, '').replace(/\.hbs$/, '');
  const text = context.render(wanted.template, {
    command: execLines(wanted.words),
    // Later lines win, so what the inventory says stands after what the template says.
    settings: [
      ...(copies === undefined ? [] : copyLines(component, copies)),
      ...lines({ ...wanted.environment, ...env }, environmentLine),
      ...lines(resources, directiveLine),
    ],
  });
  const unitFile = textFile(wanted.phase, join(PLACES.units, name), text);
  const unit: Unit = {
    id: `unit:${name}`,
    kind: 'unit',
    phase: wanted.phase,
    name,
    restartsOn: [
      unitFile.id,
      ...wanted.restartsOn,
      ...(copies === undefined ? [] : [copies.id]),
      ...(wanted.reloadsOn ?? []),
    ],
    ...(wanted.reloadsOn === undefined ? {} : { reloadsOn: [...wanted.reloadsOn] }),
    start: wanted.start ?? 'ready',
  };
  return [unitFile, unit];
}

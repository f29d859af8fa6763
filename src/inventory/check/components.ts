import { complaint, keyComplaint, quoted, type Complaint, type Path } from '../fault.ts';
import { entriesOf, poolsOf, type Check, type Ground } from './ground.ts';

type Components = NonNullable<Ground['draft']['components']>;

/** What cluster, pools and hosts say of components, each with its place. */
export const levelsOf = ({ draft }: Ground): { path: Path; components: Components }[] =>
  [
    { path: ['components'], components: draft.components },
    ...poolsOf(draft).map(({ name, pool }) => ({ path: ['pools', name, 'components'], components: pool.components })),
    ...entriesOf(draft).map(({ index, entry }) => ({
      path: ['hosts', index, 'components'],
      components: entry.components,
    })),
  ].flatMap(({ path, components }) => (components === undefined ? [] : [{ path, components }]));

/** Components whose `config` is flags, too. */
const FLAG_CONFIGURED = ['etcd', 'kube-apiserver', 'kube-controller-manager'];

/** Numbers and true/false become the text that was written, unless YAML reads it as something else: 0644 as 644. */
function textComplaints(ground: Ground, path: Path, values: object | undefined): Complaint[] {
  return Object.entries(values ?? {}).flatMap(([key, value]) => {
    if (typeof value !== 'number' && typeof value !== 'boolean') return [];
    const own = [...path, key];
    const written = ground.plainTextOf(own);
    if (written === undefined || written === String(value)) return [];
    return [complaint(own, `YAML reads ${quoted(written)} as ${value}.`, `Put it in quotes, or write ${value}.`)];
  });
}

/** What JSON and TOML have no word for. */
function configComplaints(path: Path, value: unknown): Complaint[] {
  if (typeof value === 'number') {
    if (Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value))) return [];
    return [complaint(path, `${value} cannot be kept exactly.`, 'Put it in quotes, or write a smaller number.')];
  }
  if (typeof value === 'string') {
    return value.includes('\u0000') ? [complaint(path, 'the text holds a NUL character.', 'Remove it.')] : [];
  }
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((item: unknown, index) => configComplaints([...path, index], item));
  return Object.entries(value).flatMap(([key, item]) => [
    ...(item !== undefined && /[\u0000-\u001f\u007f]/.test(key)
      ? [keyComplaint([...path, key], 'the key holds a control character.', 'Remove it.')]
      : []),
    ...configComplaints([...path, key], item),
  ]);
}

export const checkOverrides: Check = (ground) =>
  levelsOf(ground).flatMap(({ path, components }) =>
    Object.entries(components).flatMap(([name, override]) => {
      if (override === undefined) return [];
      const own = [...path, name];
      return [
        ...textComplaints(ground, [...own, 'args'], override.args),
        ...textComplaints(ground, [...own, 'env'], override.env),
        ...textComplaints(ground, [...own, 'resources'], 'resources' in override ? override.resources : undefined),
        ...(FLAG_CONFIGURED.includes(name) ? textComplaints(ground, [...own, 'config'], override.config) : []),
        ...configComplaints([...own, 'config'], override.config),
      ];
    }),
  );

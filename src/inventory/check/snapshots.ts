import { DEFAULTS } from '../defaults.ts';
import { complaint, keyComplaint, quoted, type Path } from '../fault.ts';
import type { Check, Ground } from './ground.ts';

const PLACES = ['path', 'sftp', 's3'] as const;
const RULES = ['last', 'hourly', 'daily', 'weekly', 'monthly'] as const;
const SECTION = ['etcd', 'snapshots'];

type Section = NonNullable<NonNullable<Ground['draft']['etcd']>['snapshots']>;
type Target = NonNullable<NonNullable<Section['targets']>[number]>;

const targetsOf = ({ draft }: Pick<Ground, 'draft'>): { target: Target; path: Path }[] =>
  (draft.etcd?.snapshots?.targets ?? []).flatMap((target, index) =>
    target === undefined ? [] : [{ target, path: [...SECTION, 'targets', index] }],
  );

export const checkTargetNames: Check = (ground) => {
  const targets = targetsOf(ground);
  return targets.flatMap(({ target: { name }, path }, index) =>
    name === undefined || targets.findIndex(({ target }) => target.name === name) === index
      ? []
      : [complaint([...path, 'name'], `${quoted(name)} is the name of another target.`, 'Write another one.')],
  );
};

export const checkTargetPlaces: Check = (ground) =>
  targetsOf(ground).flatMap(({ target, path }) => {
    const [first, second] = PLACES.filter((place) => place in target);
    if (first === undefined) return [complaint(path, 'it says no place.', 'Write one of path, sftp and s3.')];
    if (second === undefined) return [];
    return [keyComplaint([...path, second], `the place is said twice: ${first} is there too.`, 'Keep one of them.')];
  });

/** Where a target's files lie, as far as the inventory tells it. */
function placeOf({ path, sftp, s3 }: Target): string | undefined {
  if (path !== undefined) return path;
  if (sftp?.host !== undefined) return `${sftp.host} ${sftp.port ?? DEFAULTS.ssh.port} ${sftp.path ?? ''}`;
  return s3?.bucket === undefined ? undefined : `${s3.endpoint ?? ''} ${s3.bucket} ${s3.prefix ?? 'default'}`;
}

/** Each target prunes by its own rules: two at one place would prune what the other promised. */
export const checkSamePlaces: Check = (ground) => {
  const targets = targetsOf(ground).map(({ target, path }) => ({ path, name: target.name, place: placeOf(target) }));
  return targets.flatMap(({ path, place }, index) => {
    const first = targets.findIndex((other) => other.place === place);
    const name = targets[first]?.name;
    if (place === undefined || first === index || name === undefined) return [];
    return [complaint(path, `its place is that of the target ${name}.`, 'Write another place, or remove one of them.')];
  });
};

/** A rule that keeps nothing is a mistake: the newest would stay, and every older one be lost at once. */
export const checkKeep: Check = (ground) => {
  const shared = ground.draft.etcd?.snapshots?.keep;
  const levels: [Path, readonly Section['keep'][]][] = [
    [[...SECTION, 'keep'], [shared]],
    ...targetsOf(ground).map(({ target, path }): [Path, Section['keep'][]] => [
      [...path, 'keep'],
      [target.keep, shared],
    ]),
  ];
  return levels.flatMap(([path, given]) => {
    if (given[0] === undefined) return [];
    const counts = RULES.map((rule) => {
      const level = given.find((keep) => keep !== undefined && rule in keep);
      return level === undefined ? DEFAULTS.snapshots.keep[rule] : level[rule];
    });
    if (counts.some((count) => count !== 0)) return [];
    return [complaint(path, 'no rule keeps anything.', 'Write how many stay, such as last: 3.')];
  });
};

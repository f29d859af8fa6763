import type { Role } from '../../model/inventory.ts';
import type { Complaint, Path } from '../fault.ts';
import type { Sound } from '../issues.ts';
import type { Expanded } from '../ranges.ts';
import type { Draft } from '../schema/cluster.ts';
import type { World } from '../world.ts';

/** What the checks across fields stand on: the sound parts of a file. */
export interface Ground {
  draft: Sound<Draft>;
  /** All hosts, ranges expanded. */
  hosts: readonly Expanded[];
  /** What the schema and the ranges have already complained of. */
  known: readonly Complaint[];
  world: World;
  lineOf: (path: Path) => number;
  /** The text of an unquoted value as it stands in the file. */
  plainTextOf: (path: Path) => string | undefined;
}

export type Check = (ground: Ground) => Complaint[];

export type Entry = NonNullable<NonNullable<Ground['draft']['hosts']>[number]>;

/** Entries of `hosts` with their index, without those that are not even mappings. */
export const entriesOf = (draft: Ground['draft']): { entry: Entry; index: number }[] =>
  (draft.hosts ?? []).flatMap((entry, index) => (entry === undefined ? [] : [{ entry, index }]));

/** Pools with their name. */
export const poolsOf = (draft: Ground['draft']) =>
  Object.entries(draft.pools ?? {}).flatMap(([name, pool]) => (pool === undefined ? [] : [{ name, pool }]));

/** Roles of an entry, its own or its pool's; undefined where they are missing or not sound. */
export function rolesOf(draft: Ground['draft'], index: number): Role[] | undefined {
  const entry = draft.hosts?.[index];
  const pool = entry?.pool === undefined ? undefined : draft.pools?.[entry.pool];
  const roles = entry !== undefined && 'roles' in entry ? entry.roles : pool?.roles;
  const sound = roles?.filter((role) => role !== undefined);
  return sound?.length === roles?.length ? sound : undefined;
}

/** The value of a key, its default where the key is left out, undefined where it is at fault. */
export const orDefault = <Section extends object, Key extends keyof Section>(
  section: Section | undefined,
  key: Key,
  otherwise: NonNullable<Section[Key]>,
): Section[Key] | undefined => (section !== undefined && key in section ? section[key] : otherwise);

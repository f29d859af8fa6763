import type { Keep, S3Target, SftpTarget, SnapshotSettings, TargetSpec } from '../model/snapshot.ts';
import { DEFAULTS } from './defaults.ts';
import type { Draft } from './schema/cluster.ts';
import { sshSettings } from './sshSettings.ts';
import { found, pathIn, type World } from './world.ts';

type Section = NonNullable<NonNullable<Draft['etcd']>['snapshots']>;
type Place = NonNullable<Section['targets']>[number];
type GivenKeep = NonNullable<Section['keep']>;

/** The section etcd.snapshots with its defaults. */
export function snapshotsOf(draft: Draft, world: World): SnapshotSettings {
  const given = draft.etcd?.snapshots ?? {};
  return {
    targets: (given.targets ?? []).map((place) => targetOf(place, draft, world)),
    keep: keepOf([given.keep]),
    compression: given.compression ?? DEFAULTS.snapshots.compression,
    recipients: given.recipients ?? [],
  };
}

/** The later level wins key by key. */
function keepOf(levels: readonly (GivenKeep | undefined)[]): Keep {
  const { maximumMiB, maximumAgeDays, ...counts } = levels.reduce<GivenKeep>(
    (merged, level) => ({ ...merged, ...level }),
    {},
  );
  return {
    ...DEFAULTS.snapshots.keep,
    ...counts,
    ...(maximumAgeDays === undefined ? {} : { maximumAgeDays }),
    ...(maximumMiB === undefined ? {} : { maximumBytes: maximumMiB * 1024 * 1024 }),
  } as Keep;
}

function targetOf(place: Place, draft: Draft, world: World): TargetSpec {
  const { name, path, sftp, s3, keep } = place;
  const named = {
    name,
    ...(keep === undefined ? {} : { keep: keepOf([draft.etcd?.snapshots?.keep, keep]) }),
  };
  if (sftp !== undefined) return { ...named, ...sftpOf(sftp, draft, world) };
  if (s3 !== undefined) return { ...named, ...s3Of(s3, draft, world) };
  if (path === undefined) throw new Error('the checks let a target without a place pass');
  return { ...named, kind: 'folder', path: found(pathIn(world, path)) };
}

/** Of the section ssh only what it says of host keys: its users, keys and passwords are for the cluster's hosts. */
function sftpOf(sftp: NonNullable<Place['sftp']>, draft: Draft, world: World): Omit<SftpTarget, 'name' | 'keep'> {
  const { hostKeys, knownHosts } = sshSettings([draft.ssh], world);
  const path = (text: string): string => found(pathIn(world, text));
  return {
    kind: 'sftp',
    host: sftp.host,
    port: sftp.port ?? DEFAULTS.ssh.port,
    user: sftp.user,
    path: sftp.path,
    ...(sftp.identityFile === undefined ? {} : { identityFile: path(sftp.identityFile) }),
    hostKeys: sftp.hostKeys ?? hostKeys,
    knownHosts: sftp.knownHosts?.map(path) ?? knownHosts,
  };
}

const s3Of = (s3: NonNullable<Place['s3']>, { name }: Draft, world: World): Omit<S3Target, 'name' | 'keep'> => ({
  kind: 's3',
  bucket: s3.bucket,
  prefix: s3.prefix ?? `${name}/`,
  region: s3.region ?? DEFAULTS.snapshots.s3.region,
  ...(s3.endpoint === undefined ? {} : { endpoint: s3.endpoint }),
  ...(s3.caFile === undefined ? {} : { caFile: found(pathIn(world, s3.caFile)) }),
  pathStyle: s3.pathStyle ?? s3.endpoint !== undefined,
});

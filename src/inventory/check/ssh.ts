import { Secret } from '../../model/secret.ts';
import { complaint, type Complaint, type Path } from '../fault.ts';
import { pathIn, secretInFile, secretInVariable, type World } from '../world.ts';
import { entriesOf, poolsOf, type Check, type Ground } from './ground.ts';

type Ssh = NonNullable<Ground['draft']['ssh']>;

const sectionsOf = ({ draft }: Ground): { path: Path; ssh: Ssh }[] =>
  [
    { path: ['ssh'], ssh: draft.ssh },
    ...poolsOf(draft).map(({ name, pool }) => ({ path: ['pools', name, 'ssh'], ssh: pool.ssh })),
    ...entriesOf(draft).map(({ index, entry }) => ({ path: ['hosts', index, 'ssh'], ssh: entry.ssh })),
  ].flatMap(({ path, ssh }) => (ssh === undefined ? [] : [{ path, ssh }]));

/** The places of one secret: by environment variable and by file. */
function secretComplaints(
  world: World,
  path: Path,
  [name, variable, file]: [string, ...(string | undefined)[]],
): Complaint[] {
  const byVariable = [...path, `${name}Env`];
  const byFile = [...path, `${name}File`];
  if (variable !== undefined && file !== undefined) {
    return [complaint(byFile, `the secret has two sources: ${name}Env is there too.`, 'Keep one of them.')];
  }
  const found =
    variable !== undefined
      ? { at: byVariable, secret: secretInVariable(world, variable) }
      : file !== undefined
        ? { at: byFile, secret: secretInFile(world, file) }
        : undefined;
  if (found === undefined || found.secret instanceof Secret) return [];
  return [complaint(found.at, found.secret.message, found.secret.fix)];
}

export const checkSecrets: Check = (ground) =>
  sectionsOf(ground).flatMap(({ path, ssh }) => [
    ...secretComplaints(ground.world, path, ['passphrase', ssh.passphraseEnv, ssh.passphraseFile]),
    ...secretComplaints(ground.world, path, ['password', ssh.passwordEnv, ssh.passwordFile]),
    ...secretComplaints(
      ground.world,
      [...path, 'become'],
      ['password', ssh.become?.passwordEnv, ssh.become?.passwordFile],
    ),
  ]);

/** Paths on the operator's machine must mean something. Whether the files are there is seen when they are used. */
export const checkPaths: Check = (ground) => {
  const external = ground.draft.etcd?.external;
  const paths: [Path, string | undefined][] = [
    ...sectionsOf(ground).flatMap(({ path, ssh }): [Path, string | undefined][] => [
      ...(ssh.keys ?? []).map((key, index): [Path, string | undefined] => [[...path, 'keys', index], key]),
      ...(ssh.knownHosts ?? []).map((file, index): [Path, string | undefined] => [
        [...path, 'knownHosts', index],
        file,
      ]),
      [[...path, 'configFile'], ssh.configFile],
    ]),
    [['etcd', 'external', 'caFile'], external?.caFile],
    [['etcd', 'external', 'certFile'], external?.certFile],
    [['etcd', 'external', 'keyFile'], external?.keyFile],
    ...(ground.draft.etcd?.snapshots?.targets ?? []).flatMap((target, index): [Path, string | undefined][] => {
      const at = ['etcd', 'snapshots', 'targets', index];
      return [
        [[...at, 'path'], target?.path],
        [[...at, 'sftp', 'identityFile'], target?.sftp?.identityFile],
        ...(target?.sftp?.knownHosts ?? []).map((file, place): [Path, string | undefined] => [
          [...at, 'sftp', 'knownHosts', place],
          file,
        ]),
        [[...at, 's3', 'caFile'], target?.s3?.caFile],
      ];
    }),
  ];
  return paths.flatMap(([path, text]) => {
    const found = text === undefined ? '' : pathIn(ground.world, text);
    return typeof found === 'string' ? [] : [complaint(path, found.message, found.fix)];
  });
};

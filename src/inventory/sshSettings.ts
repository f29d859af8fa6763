import { Secret } from '../model/secret.ts';
import type { SshSettings } from '../model/inventory.ts';
import { DEFAULTS } from './defaults.ts';
import type { Draft } from './schema/cluster.ts';
import { found, pathIn, secretInFile, secretInVariable, type World } from './world.ts';

type Level = NonNullable<Draft['ssh']>;
type Levels = readonly Level[];

/** The last level that says something. */
function last<Value>(levels: Levels, pick: (level: Level) => Value | undefined): Value | undefined {
  return levels.reduce<Value | undefined>((before, level) => pick(level) ?? before, undefined);
}

interface Source {
  variable?: string | undefined;
  file?: string | undefined;
}

/** A variable of the host wins over a file of the cluster, and the other way round: they are one setting. */
function secret(world: World, source: Source | undefined): Secret | undefined {
  if (source?.variable !== undefined) return found(secretInVariable(world, source.variable));
  return source?.file === undefined ? undefined : found(secretInFile(world, source.file));
}

const sourceOf = (variable: string | undefined, file: string | undefined): Source | undefined =>
  variable === undefined && file === undefined ? undefined : { variable, file };

/** OpenSSH looks into both files too; without HOME only the second can be told. */
function defaultKnownHosts(world: World): string[] {
  return DEFAULTS.ssh.knownHosts.flatMap((file) => {
    const path = pathIn(world, file);
    return typeof path === 'string' ? [path] : [];
  });
}

function becomeOf(levels: Levels, world: World, user: string): SshSettings['become'] {
  const password = secret(
    world,
    last(levels, ({ become }) => sourceOf(become?.passwordEnv, become?.passwordFile)),
  );
  return {
    method: last(levels, ({ become }) => become?.method) ?? (user === 'root' ? 'none' : 'sudo'),
    ...(password === undefined ? {} : { password }),
  };
}

/** How one host is reached: the levels cluster, pool and host, with the defaults under them. */
export function sshSettings(given: readonly (Level | undefined)[], world: World): SshSettings {
  const levels = given.filter((level) => level !== undefined);
  const path = (text: string): string => found(pathIn(world, text));
  const transport = last(levels, (level) => level.transport) ?? DEFAULTS.ssh.transport;
  // With the local transport nobody logs in: commands run as whoever runs kbin.
  const ownUser = transport === 'local' ? world.environment.USER : undefined;
  const user = last(levels, (level) => level.user) ?? ownUser ?? DEFAULTS.ssh.user;
  const configFile = last(levels, (level) => level.configFile);
  const passphrase = secret(
    world,
    last(levels, (level) => sourceOf(level.passphraseEnv, level.passphraseFile)),
  );
  const password = secret(
    world,
    last(levels, (level) => sourceOf(level.passwordEnv, level.passwordFile)),
  );
  return {
    transport,
    user,
    port: last(levels, (level) => level.port) ?? DEFAULTS.ssh.port,
    keys: (last(levels, (level) => level.keys) ?? []).map(path),
    ...(passphrase === undefined ? {} : { passphrase }),
    agent: last(levels, (level) => level.agent) ?? DEFAULTS.ssh.agent,
    ...(password === undefined ? {} : { password }),
    bastions: (last(levels, (level) => level.bastions) ?? []).map((hop) => ({
      address: hop.address,
      port: hop.port ?? DEFAULTS.ssh.port,
      user: hop.user ?? user,
    })),
    ...(configFile === undefined ? {} : { configFile: path(configFile) }),
    become: becomeOf(levels, world, user),
    hostKeys: last(levels, (level) => level.hostKeys) ?? DEFAULTS.ssh.hostKeys,
    knownHosts: last(levels, (level) => level.knownHosts)?.map(path) ?? defaultKnownHosts(world),
    connectSeconds: last(levels, (level) => level.connectSeconds) ?? DEFAULTS.ssh.connectSeconds,
    commandSeconds: last(levels, (level) => level.commandSeconds) ?? DEFAULTS.ssh.commandSeconds,
    keepaliveSeconds: last(levels, (level) => level.keepaliveSeconds) ?? DEFAULTS.ssh.keepaliveSeconds,
  };
}

import { join } from 'node:path';
import { KbinError } from '../errors.ts';
import type { Host, SshSettings } from '../model/inventory.ts';
import type { ClientConfig, ClientConfigValues } from './clientConfig.ts';

/** One sshd to log in to: a jump host or the host itself. */
export interface Login {
  /** The address as the inventory or ProxyJump has it, which is what an OpenSSH configuration file is asked for. */
  alias: string;
  address: string;
  port: number;
  user: string;
  /** Private key files, tried in order. */
  keys: readonly string[];
  hostKeys: SshSettings['hostKeys'];
  knownHosts: readonly string[];
  /** Name in known_hosts, where an OpenSSH configuration file gives one (HostKeyAlias). */
  keyName?: string;
}

/** All sshds on the way to a host, the host last. */
export interface Route {
  host: string;
  logins: readonly [...Login[], Login];
  become: SshSettings['become']['method'];
}

/** ssh's own names of key files, for hosts without any in inventory and configuration file. */
const IDENTITIES = ['id_ed25519', 'id_ecdsa', 'id_rsa'];
/** A chain of ProxyJump lines longer than this is a circle. */
const MOST_JUMPS = 8;

/** The inventory's defaults (src/inventory/defaults.ts, which a test compares): a value equal to one counts as not given. */
export const defaultLogin = (home: string) => ({
  user: 'root',
  port: 22,
  hostKeys: 'strict' as const,
  knownHosts: [join(home, '.ssh', 'known_hosts'), '/etc/ssh/ssh_known_hosts'],
});

interface Asked {
  address: string;
  port: number;
  user: string;
}

interface Sources {
  settings: SshSettings;
  config: ClientConfig | undefined;
  home: string;
}

/**
 * The way to a host. What the inventory gives wins; where it holds kbin's default (user root, port 22, no keys, no
 * bastions, strict host keys, the usual known_hosts files) the OpenSSH configuration file may fill in, asked as
 * `ssh <sshAddress>` would ask it. Jump hosts are looked up there in the same way.
 * Throws INVENTORY for ProxyCommand and for jumps in a circle.
 */
export function route(
  host: Pick<Host, 'name' | 'sshAddress' | 'ssh'>,
  config: ClientConfig | undefined,
  home: string,
): Route {
  const settings = host.ssh;
  const sources: Sources = { settings, config, home };
  const asked = { address: host.sshAddress, port: settings.port, user: settings.user };
  const target = login(asked, sources);
  const jumps = settings.bastions.length > 0 ? settings.bastions : jumpsTo(asked, sources, host.name);
  // Filled in by the file, a user other than root needs what the inventory's default for root left out.
  const becomesRoot = settings.become.method === 'none' && settings.user === 'root' && target.user !== 'root';
  return {
    host: host.name,
    logins: [...jumps.map((jump) => login(jump, sources)), target],
    become: target.user === 'root' ? 'none' : becomesRoot ? 'sudo' : settings.become.method,
  };
}

function login(asked: Asked, { settings, config, home }: Sources): Login {
  const defaults = defaultLogin(home);
  const isDefaultUser = asked.user === defaults.user;
  const found: ClientConfigValues = config?.(asked.address, isDefaultUser ? undefined : asked.user) ?? { keys: [] };
  const isDefaultKnown = settings.knownHosts.join('\n') === defaults.knownHosts.join('\n');
  // The system's ssh knows its own default keys, some of them of kinds that ssh2 does not read.
  const usual = settings.transport === 'openssh' ? [] : IDENTITIES.map((name) => join(home, '.ssh', name));
  const keys = [settings.keys, found.keys, usual];
  return {
    alias: asked.address,
    address: found.hostName ?? asked.address,
    port: asked.port === defaults.port ? (found.port ?? asked.port) : asked.port,
    user: isDefaultUser ? (found.user ?? asked.user) : asked.user,
    keys: keys.find((list) => list.length > 0) ?? [],
    hostKeys: settings.hostKeys === defaults.hostKeys ? (found.hostKeys ?? settings.hostKeys) : settings.hostKeys,
    knownHosts: isDefaultKnown ? (found.knownHosts ?? settings.knownHosts) : settings.knownHosts,
    ...(found.keyName === undefined ? {} : { keyName: found.keyName }),
  };
}

/** ProxyJump of the configuration file. The first jump host may have jumps of its own, as with ssh. */
function jumpsTo({ address }: Asked, sources: Sources, host: string): Asked[] {
  const jumps: Asked[] = [];
  for (let next: string | undefined = address; next !== undefined; next = jumps[0]?.address) {
    const found: ClientConfigValues = sources.config?.(next) ?? { keys: [] };
    const further: string[] = found.jumps ?? [];
    const isProxied = found.proxyCommand !== undefined && found.jumps === undefined;
    if (isProxied && sources.settings.transport === 'ssh2') throw unsupported(host, next);
    if (further.length === 0) return jumps;
    jumps.unshift(...further.map((jump) => jumpOf(jump, sources.settings)));
    if (jumps.length > MOST_JUMPS) throw circular(host, jumps);
  }
  return jumps;
}

/** `[user@]host[:port]` or `ssh://[user@]host[:port]`, as ProxyJump takes it. */
function jumpOf(text: string, settings: SshSettings): Asked {
  const [, user, bracketed, plain, port] =
    /^(?:ssh:\/\/)?(?:([^@]+)@)?(?:\[([^\]]+)\]|([^:/]+))(?::(\d+))?\/?$/.exec(text.trim()) ?? [];
  const address = bracketed ?? plain;
  if (address === undefined) {
    throw new KbinError(
      'INVENTORY',
      `ProxyJump "${text}" in ${settings.configFile ?? 'ssh.configFile'} is not a host.`,
      {
        hint: 'Write user@host:port.',
      },
    );
  }
  return { address, port: Number(port ?? 22), user: user ?? 'root' };
}

const unsupported = (host: string, address: string): KbinError =>
  new KbinError(
    'INVENTORY',
    `The OpenSSH configuration reaches ${address} through ProxyCommand, which ssh2 cannot do.`,
    {
      host,
      hint: 'Write ProxyJump instead, or set ssh.transport: openssh for this host.',
    },
  );

const circular = (host: string, jumps: readonly Asked[]): KbinError =>
  new KbinError('INVENTORY', `ProxyJump leads in a circle: ${jumps.map(({ address }) => address).join(', ')}.`, {
    host,
    hint: 'A jump host must be reached without itself: give it `ProxyJump none` in the configuration file.',
  });

import type { SshSettings } from '../model/inventory.ts';
import { shellQuote } from '../remote/quote.ts';
import { KEEPALIVE_MISSES } from './handshake.ts';
import type { Login, Route } from './route.ts';

export interface OpensshPlan {
  route: Route;
  settings: SshSettings;
  /** Private directory that the files will be in. */
  directory: string;
  /** Logins whose host key nobody knows yet and whose policy takes it: kbin writes it down or warns afterwards. */
  newcomers: ReadonlySet<Login>;
}

/** One login of the way, as the system's ssh takes it. */
export interface OpensshLogin {
  login: Login;
  /** Path and text of the configuration for `ssh -F`. */
  file: string;
  text: string;
  /** File that will hold the keys which this sshd showed, `<type> <base64>` a line. */
  shownFile: string;
}

/**
 * Script that KnownHostsCommand (OpenSSH 8.5) runs with file, key type, key, name, and `new` for a newcomer: it writes
 * down the key that ssh is about to judge, and vouches for a newcomer's. Before a key is there ssh says NONE.
 */
export const SHOWN_SCRIPT = `[ "$2" = NONE ] && exit
echo "$2 $3" >> "$1"
[ "$5" != new ] || echo "$4 $2 $3"
`;

/**
 * Configuration files for the logins of a route, the host's last. Each reaches its sshd through the one before it. What
 * the inventory says comes first and so wins; then the operator's own configuration file; then kbin's preferences.
 */
export function opensshLogins(plan: OpensshPlan): OpensshLogin[] {
  const { route, directory } = plan;
  return route.logins.map((login, depth) => {
    const shownFile = `${directory}/shown-${depth}`;
    const via = depth === 0 ? undefined : route.logins[depth - 1];
    const jump = via && `ssh -F ${shellQuote(fileOf(directory, depth - 1))} -W '[%h]:%p' -- ${shellQuote(via.alias)}`;
    return { login, shownFile, file: fileOf(directory, depth), text: configText(plan, login, { shownFile, jump }) };
  });
}

const fileOf = (directory: string, depth: number): string => `${directory}/ssh-${depth}.conf`;

interface Extra {
  shownFile: string;
  jump: string | undefined;
}

function configText({ settings, directory, newcomers }: OpensshPlan, login: Login, { shownFile, jump }: Extra): string {
  const asks = settings.password !== undefined || settings.passphrase !== undefined;
  const options: [name: string, value: string | number | undefined][] = [
    ['HostName', login.address],
    ['Port', login.port],
    ['User', login.user],
    ...login.keys.map((key): [string, string] => ['IdentityFile', word(key)]),
    ['IdentityAgent', settings.agent ? undefined : 'none'],
    // Whatever the policy, a key that differs from a known one never passes.
    ['StrictHostKeyChecking', 'yes'],
    ['UserKnownHostsFile', login.knownHosts.map(word).join(' ') || '/dev/null'],
    ['GlobalKnownHostsFile', '/dev/null'],
    ['HostKeyAlias', login.keyName],
    [
      'KnownHostsCommand',
      `/bin/sh ${word(`${directory}/shown.sh`)} ${word(shownFile)} %t %K %H ${newcomers.has(login) ? 'new' : 'known'}`,
    ],
    ['ProxyCommand', jump],
    ['ConnectTimeout', settings.connectSeconds],
    ['ServerAliveInterval', settings.keepaliveSeconds],
    ['ServerAliveCountMax', KEEPALIVE_MISSES],
    ['BatchMode', asks ? 'no' : 'yes'],
    ['NumberOfPasswordPrompts', 1],
    ...FIXED,
  ];
  const lines = options.flatMap(([name, value]) => (value === undefined ? [] : [`  ${name} ${value}`]));
  const include = settings.configFile === undefined ? [] : [`Include ${word(settings.configFile)}`];
  return ['IgnoreUnknown KnownHostsCommand', 'Host *', ...lines, ...include, 'Host *', ...PREFERENCES, ''].join('\n');
}

/** A connection for commands: nothing of the operator's comfort settings may change what a command sees. */
const FIXED: readonly [string, string][] = [
  ['ControlPersist', 'no'],
  ['EscapeChar', 'none'],
  ['ForwardAgent', 'no'],
  ['ForwardX11', 'no'],
  ['PermitLocalCommand', 'no'],
  ['RequestTTY', 'no'],
  ['UpdateHostKeys', 'no'],
  ['VisualHostKey', 'no'],
  ['LogLevel', 'ERROR'],
];

/** OpenSSH's first choice, chacha20, is half as fast as AES where the CPU has AES. */
const PREFERENCES = ['  Ciphers ^aes128-gcm@openssh.com,aes256-gcm@openssh.com'];

/** One word of ssh_config(5): quotes keep spaces, and % begins a token. */
function word(text: string): string {
  return `"${text.replaceAll('%', '%%').replaceAll('"', '\\"')}"`;
}

import { DEFAULTS } from '../defaults.ts';
import { environmentVariable, localPath, target, userName } from './texts.ts';
import { choice, flag, list, may, must, port, section, whole } from './words.ts';

const { ssh: defaults } = DEFAULTS;
const relative = 'Relative paths start at the inventory’s folder, ~ is the home directory.';

const bastion = section({
  address: must(target(), 'Name or address of the jump host.', { examples: ['bastion.example.com'] }),
  port: may(port(), 'Port of its sshd.', { default: 22 }),
  user: may(userName(), 'User there.', { otherwise: 'ssh.user' }),
}).meta({ id: 'Bastion', description: 'A host to jump through.' });

const become = section({
  method: may(choice(['none', 'sudo'], 'a way to become root'), 'How to become root.', {
    otherwise: 'none for the user root, sudo otherwise',
  }),
  passwordEnv: may(environmentVariable(), 'Environment variable that holds the password for sudo.', {
    examples: ['KBIN_SUDO_PASSWORD'],
  }),
  passwordFile: may(localPath(), `File that holds the password for sudo. ${relative}`),
});

/** The same keys for the cluster, a pool and a host. */
export const ssh = section({
  transport: may(
    choice(['ssh2', 'openssh', 'local'], 'a transport'),
    'ssh2 is built in. openssh runs the system’s ssh, for certificates and security keys. local is this machine itself.',
    { default: defaults.transport },
  ),
  user: may(userName(), 'User to log in as.', { otherwise: 'root; with transport local the user who runs kbin' }),
  port: may(port(), 'Port of sshd.', { default: defaults.port }),
  keys: may(list(localPath(), 'Write paths of key files.'), `Private key files, tried in order. ${relative}`, {
    default: [],
    examples: [['~/.ssh/id_ed25519']],
  }),
  passphraseEnv: may(environmentVariable(), 'Environment variable that holds the passphrase of the keys.', {
    examples: ['KBIN_SSH_PASSPHRASE'],
  }),
  passphraseFile: may(localPath(), `File that holds the passphrase of the keys. ${relative}`),
  agent: may(flag(), 'Use the agent at SSH_AUTH_SOCK when there is one.', { default: defaults.agent }),
  passwordEnv: may(environmentVariable(), 'Environment variable that holds the password for logging in.', {
    examples: ['KBIN_SSH_PASSWORD'],
  }),
  passwordFile: may(localPath(), `File that holds the password for logging in. ${relative}`),
  bastions: may(list(bastion, 'Write a list of hosts with address.'), 'Hosts to jump through, in order.', {
    default: [],
  }),
  configFile: may(localPath(), `OpenSSH client configuration to read. ${relative}`, {
    examples: ['~/.ssh/config'],
  }),
  become: may(become, 'How to become root on the host.'),
  hostKeys: may(
    choice(['strict', 'accept-new', 'off'], 'a host-key policy'),
    'strict: the key must be known. accept-new: unknown keys are remembered, changed ones refused. off: nothing is checked.',
    { default: defaults.hostKeys },
  ),
  knownHosts: may(list(localPath(), 'Write paths of known_hosts files.'), `Files of known host keys. ${relative}`, {
    default: defaults.knownHosts,
  }),
  connectSeconds: may(whole(1, 600, 'a time in seconds'), 'Longest time for connecting and logging in.', {
    default: defaults.connectSeconds,
  }),
  commandSeconds: may(whole(1, 86400, 'a time in seconds'), 'Longest time for one command.', {
    default: defaults.commandSeconds,
  }),
  keepaliveSeconds: may(whole(0, 3600, 'a time in seconds'), 'Pause between keepalive messages; 0 sends none.', {
    default: defaults.keepaliveSeconds,
  }),
}).meta({ id: 'Ssh', description: 'How a host is reached. Later levels win key by key: cluster, pool, host.' });

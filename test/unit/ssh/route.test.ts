import { DEFAULTS } from '../../../src/inventory/defaults.ts';
import type { Host, SshSettings } from '../../../src/model/inventory.ts';
import { clientConfig } from '../../../src/ssh/clientConfig.ts';
import { defaultLogin, route } from '../../../src/ssh/route.ts';
import { hostOf } from '../../wire/hosts.ts';

const home = '/home/me';
const usual: Partial<SshSettings> = { ...defaultLogin(home), become: { method: 'none' } };
const host = (ssh: Partial<SshSettings> = {}, sshAddress = 'box'): Host => ({
  ...hostOf('node', { ...usual, ...ssh }),
  sshAddress,
});
const way = (ssh: Partial<SshSettings>, text?: string) =>
  route(host(ssh), text === undefined ? undefined : clientConfig(text, home, 'config'), home);

test('the defaults are those of the inventory', () => {
  const { user, port, hostKeys, knownHosts } = DEFAULTS.ssh;
  expect(defaultLogin('~')).toEqual({ user, port, hostKeys, knownHosts });
});

test('without a configuration file the inventory is all there is', () => {
  expect(way({ user: 'ops', keys: ['/k'], become: { method: 'sudo' } })).toEqual({
    host: 'node',
    become: 'sudo',
    logins: [
      {
        alias: 'box',
        address: 'box',
        port: 22,
        user: 'ops',
        keys: ['/k'],
        hostKeys: 'strict',
        knownHosts: ['/home/me/.ssh/known_hosts', '/etc/ssh/ssh_known_hosts'],
      },
    ],
  });
});

const TEXT = [
  'Host box',
  '  HostName 10.0.0.1',
  '  Port 2222',
  '  User ops',
  '  IdentityFile /from/config',
  '  UserKnownHostsFile /known/config',
  '  StrictHostKeyChecking accept-new',
  '  HostKeyAlias alias',
  '  ProxyJump gate',
  'Host gate',
  '  HostName 10.0.0.9',
  '  User jumper',
  '  ProxyJump first@outer:2022',
].join('\n');

test('a configuration file fills in what the inventory leaves at its default', () => {
  const { logins, become } = way({}, TEXT);
  expect(logins.map(({ user, address, port }) => `${user}@${address}:${port}`)).toEqual([
    'first@outer:2022',
    'jumper@10.0.0.9:22',
    'ops@10.0.0.1:2222',
  ]);
  expect(logins.at(-1)).toMatchObject({
    keys: ['/from/config'],
    knownHosts: ['/known/config'],
    hostKeys: 'accept-new',
    keyName: 'alias',
  });
  expect(become).toBe('sudo');
});

test('what the inventory says wins over the file', () => {
  const said: Partial<SshSettings> = {
    user: 'admin',
    port: 2300,
    keys: ['/said'],
    knownHosts: ['/said/known'],
    hostKeys: 'off',
    bastions: [{ address: '192.0.2.1', port: 22, user: 'b' }],
    become: { method: 'sudo' },
  };
  const { logins } = way(said, TEXT);
  expect(logins.map(({ user, address, port }) => `${user}@${address}:${port}`)).toEqual([
    'b@192.0.2.1:22',
    'admin@10.0.0.1:2300',
  ]);
  expect(logins.at(-1)).toMatchObject({ keys: ['/said'], knownHosts: ['/said/known'], hostKeys: 'off' });
});

test('a jump host of the inventory may be a name of the file', () => {
  const { logins } = way({ bastions: [{ address: 'gate', port: 22, user: 'root' }] }, TEXT);
  expect(logins[0]).toMatchObject({ alias: 'gate', address: '10.0.0.9', user: 'jumper' });
  expect(logins).toHaveLength(2);
});

test('root needs no sudo', () => {
  expect(way({ user: 'root', become: { method: 'sudo' } }).become).toBe('none');
});

test('without keys the usual files are tried, and left to ssh itself where that connects', () => {
  expect(way({}).logins[0].keys).toEqual(['id_ed25519', 'id_ecdsa', 'id_rsa'].map((name) => `/home/me/.ssh/${name}`));
  expect(way({ transport: 'openssh' }).logins[0].keys).toEqual([]);
});

test.each([
  ['[fe80::1]:2222', 'root@fe80::1:2222'],
  ['ssh://ops@gate:2022', 'ops@gate:2022'],
  ['gate', 'root@gate:22'],
])('ProxyJump %s', (jump, expected) => {
  const [first] = way({}, `Host box\n  ProxyJump ${jump}\n`).logins;
  expect(`${first.user}@${first.address}:${first.port}`).toBe(expected);
});

test('a circle of jumps is refused', () => {
  expect(() => way({}, 'Host *\n  ProxyJump box\n')).toThrow('circle');
});

test('ProxyCommand is refused for ssh2 and left to ssh', () => {
  const text = 'Host box\n  ProxyCommand nc %h %p\n';
  expect(() => way({}, text)).toThrow('ProxyCommand');
  expect(way({ transport: 'openssh' }, text).logins).toHaveLength(1);
});

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clientConfig, type ClientConfigValues, readClientConfig } from '../../../src/ssh/clientConfig.ts';

const home = '/home/me';

test.each<[string, string, Partial<ClientConfigValues>]>([
  ['nothing', '', { keys: [] }],
  [
    'a host',
    'Host box\n  HostName 10.0.0.1\n  Port 2222\n  User ops',
    { hostName: '10.0.0.1', port: 2222, user: 'ops' },
  ],
  ['another host', 'Host other\n  Port 2222', { keys: [] }],
  ['keywords in other case', 'HOST box\n  hostname 10.0.0.1', { hostName: '10.0.0.1' }],
  ['equal signs', 'Host=box\n  User=ops', { user: 'ops' }],
  ['the first value wins', 'Host box\n  User first\nHost *\n  User second', { user: 'first' }],
  ['keys add up', 'Host box\n  IdentityFile ~/a\nHost *\n  IdentityFile ~/b', { keys: ['/home/me/a', '/home/me/b'] }],
  [
    'tokens',
    'Host box\n  IdentityFile %d/keys/%r-%h-%p-%n-%%\n  User ops\n  HostName %h.lan',
    {
      keys: ['/home/me/keys/ops-box.lan-22-box-%'],
      hostName: 'box.lan',
      user: 'ops',
    },
  ],
  ['no key at all', 'Host box\n  IdentityFile none', { keys: [] }],
  ['patterns', 'Host b?x *.lan !boxer\n  User ops', { user: 'ops' }],
  ['an exception', 'Host * !box\n  User ops', { keys: [] }],
  ['a match', 'Match host box\n  User ops', { user: 'ops' }],
  ['a match by a program is not run', 'Match exec "touch /tmp/kbin-was-here"\n  User ops', { keys: [] }],
  ['jumps', 'Host box\n  ProxyJump ops@gate:2222,inner', { jumps: ['ops@gate:2222', 'inner'] }],
  ['no jump', 'Host box\n  ProxyJump none', { jumps: [] }],
  ['a proxy', 'Host box\n  ProxyCommand nc %h %p', { proxyCommand: 'nc %h %p' }],
  ['known hosts', 'Host box\n  UserKnownHostsFile ~/a "/b c"', { knownHosts: ['/home/me/a', '/b c'] }],
  ['a policy', 'Host box\n  StrictHostKeyChecking accept-new', { hostKeys: 'accept-new' }],
  ['asking is strict', 'Host box\n  StrictHostKeyChecking ask', { hostKeys: 'strict' }],
  ['no checking', 'Host box\n  StrictHostKeyChecking no', { hostKeys: 'off' }],
  ['an alias for keys', 'Host box\n  HostKeyAlias cluster', { keyName: 'cluster' }],
  [
    'no lookups before connecting',
    'Host box\n  CanonicalizeHostname yes\n  CanonicalDomains lan\n  User ops',
    { user: 'ops' },
  ],
])('%s', (_name, text, expected) => {
  expect(clientConfig(text, home, 'config')('box')).toEqual({ keys: [], ...expected });
});

test('a user of the inventory decides which Match user sections apply', () => {
  const config = clientConfig('Match user ops\n  Port 2222\n', home, 'config');
  expect(config('box', 'ops')).toMatchObject({ port: 2222 });
  expect(config('box', 'root').port).toBeUndefined();
});

describe('a file', () => {
  let folder: string;
  beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'kbin-config-'))));
  afterAll(() => rmSync(folder, { recursive: true }));

  test('includes others, from the .ssh folder and by pattern', async () => {
    mkdirSync(join(folder, '.ssh', 'conf.d'), { recursive: true });
    writeFileSync(join(folder, '.ssh', 'conf.d', 'a.conf'), 'Host box\n  User ops\n');
    writeFileSync(join(folder, '.ssh', 'conf.d', 'b.conf'), 'Host box\n  Port 2222\n');
    writeFileSync(join(folder, '.ssh', 'loop'), 'Include loop\nHost box\n  HostName 10.0.0.1\n');
    writeFileSync(join(folder, 'config'), `Include conf.d/*.conf "${folder}/.ssh/loop" missing\n`);
    const config = await readClientConfig(join(folder, 'config'), folder);
    expect(config('box')).toEqual({ keys: [], user: 'ops', port: 2222, hostName: '10.0.0.1' });
  });

  test('that is not there is a fault of the inventory', async () => {
    await expect(readClientConfig(join(folder, 'nowhere'), folder)).rejects.toMatchObject({ code: 'INVENTORY' });
  });
});

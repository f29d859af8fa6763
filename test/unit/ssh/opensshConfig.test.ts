import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '../../../src/model/secret.ts';
import { opensshLogins, SHOWN_SCRIPT } from '../../../src/ssh/opensshConfig.ts';
import { route } from '../../../src/ssh/route.ts';
import { hostOf } from '../../wire/hosts.ts';

const host = hostOf('node', {
  transport: 'openssh',
  user: 'ops',
  port: 2222,
  keys: ['/keys/with space', '/keys/100%'],
  knownHosts: ['/known hosts'],
  bastions: [
    { address: '192.0.2.1', port: 22, user: 'jump' },
    { address: '192.0.2.2', port: 2022, user: 'jump' },
  ],
  connectSeconds: 7,
  keepaliveSeconds: 3,
  password: new Secret('poison'),
});
const logins = (directory: string) =>
  opensshLogins({ settings: host.ssh, route: route(host, undefined, '/home/me'), directory, newcomers: new Set() });

test('each sshd is reached through the one before it', () => {
  const jumps = logins('/run/kbin').map(({ text }) => /ProxyCommand (.*)/.exec(text)?.[1]);
  expect(jumps).toEqual([
    undefined,
    "ssh -F '/run/kbin/ssh-0.conf' -W '[%h]:%p' -- '192.0.2.1'",
    "ssh -F '/run/kbin/ssh-1.conf' -W '[%h]:%p' -- '192.0.2.2'",
  ]);
});

test('no secret is in a configuration file', () => {
  expect(
    logins('/run/kbin')
      .map(({ text }) => text)
      .join(),
  ).not.toContain('poison');
});

const ssh = '/usr/bin/ssh';
(existsSync(ssh) ? test : test.skip)('ssh reads it as it is meant', () => {
  const directory = mkdtempSync(join(tmpdir(), 'kbin-openssh-'));
  try {
    const { file, text, login } = logins(directory).at(-1)!;
    writeFileSync(file, text);
    const read = execFileSync(ssh, ['-F', file, '-G', '--', login.alias]).toString();
    const values = new Map(read.split('\n').map((line) => [line.split(' ')[0], line.slice(line.indexOf(' ') + 1)]));
    expect(Object.fromEntries(values)).toMatchObject({
      hostname: '127.0.0.1',
      port: '2222',
      user: 'ops',
      stricthostkeychecking: 'true',
      batchmode: 'no',
      connecttimeout: '7',
      serveraliveinterval: '3',
      forwardagent: 'no',
      controlpersist: 'no',
    });
    expect(read).toContain('identityfile /keys/with space\n');
    expect(read).toContain('identityfile /keys/100%');
    expect(read).toMatch(/^userknownhostsfile .*\/known hosts/m);
    expect(read).toMatch(/^ciphers aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20/m);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('the key script writes down what it is shown and vouches for newcomers alone', () => {
  const directory = mkdtempSync(join(tmpdir(), 'kbin-shown-'));
  try {
    const file = join(directory, 'shown');
    const run = (...args: string[]) => execFileSync('/bin/sh', ['-c', SHOWN_SCRIPT, 'sh', file, ...args]).toString();
    expect(run('NONE', 'NONE', 'box', 'new')).toBe('');
    expect(existsSync(file)).toBe(false);
    expect(run('ssh-ed25519', 'AAAA', 'box', 'known')).toBe('');
    expect(run('ssh-ed25519', 'AAAA', '[box]:2222', 'new')).toBe('[box]:2222 ssh-ed25519 AAAA\n');
    expect(execFileSync('cat', [file]).toString()).toBe('ssh-ed25519 AAAA\nssh-ed25519 AAAA\n');
  } finally {
    rmSync(directory, { recursive: true });
  }
});

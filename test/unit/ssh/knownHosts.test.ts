import { createHmac } from 'node:crypto';
import { hostKeyAlgorithms, hostKey, judge, type KeyPlace, knownHosts } from '../../../src/ssh/knownHosts.ts';

const blob = (type: string, content: string): Buffer => {
  const word = Buffer.from(type);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(word.length);
  return Buffer.concat([length, word, Buffer.from(content)]);
};
const A = hostKey(blob('ssh-ed25519', 'key a'));
const B = hostKey(blob('ssh-ed25519', 'key b'));
const R = hostKey(blob('ssh-rsa', 'key r'));
const line = (names: string, { type, key } = A): string => `${names} ${type} ${key}`;
const hashed = (name: string): string => {
  const salt = Buffer.from('a salt of twenty byt');
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
};

const at22: KeyPlace = { address: 'box.example.com', port: 22 };
const at2222: KeyPlace = { ...at22, port: 2222 };

test.each<[string, string, KeyPlace, string]>([
  ['a plain name', line('box.example.com'), at22, 'known'],
  ['another name', line('other.example.com'), at22, 'unknown'],
  ['one of several names', line('10.0.0.1,box.example.com'), at22, 'known'],
  ['a name in other case', line('Box.EXAMPLE.com'), at22, 'known'],
  ['a name that only begins the same', line('box.example.com.evil.org'), at22, 'unknown'],
  ['a dot is a dot', line('boxxexample.com'), at22, 'unknown'],
  ['a wildcard', line('*.example.com'), at22, 'known'],
  ['a question mark', line('bo?.example.com'), at22, 'known'],
  ['a wildcard with an exception', line('*.example.com,!box.example.com'), at22, 'unknown'],
  ['a port', line('[box.example.com]:2222'), at2222, 'known'],
  ['another port', line('[box.example.com]:2223'), at2222, 'unknown'],
  ['a name with port for the usual port', line('[box.example.com]:22'), at22, 'unknown'],
  ['a key filed without its port', line('box.example.com'), at2222, 'known'],
  ['a different key filed without its port', line('box.example.com', B), at2222, 'unknown'],
  ['a hashed name', line(hashed('box.example.com')), at22, 'known'],
  ['a hashed name with port', line(hashed('[box.example.com]:2222')), at2222, 'known'],
  ['another hashed name', line(hashed('other')), at22, 'unknown'],
  ['a different key', line('box.example.com', B), at22, 'changed'],
  ['a different key among others', `${line('box.example.com', B)}\n${line('box.example.com')}`, at22, 'known'],
  ['a key of another type only', line('box.example.com', R), at22, 'changed'],
  ['a revoked key', `@revoked ${line('*')}`, at22, 'revoked'],
  ['a revoked key that is known too', `${line('box.example.com')}\n@revoked ${line('*')}`, at22, 'revoked'],
  ['another revoked key', `@revoked ${line('*', B)}\n${line('box.example.com')}`, at22, 'known'],
  ['a certificate authority', `@cert-authority ${line('*')}`, at22, 'unknown'],
  ['a comment', `# ${line('box.example.com')}`, at22, 'unknown'],
  ['a line with a comment behind', `${line('box.example.com')} root@box`, at22, 'known'],
  ['tabs and leading spaces', `  ${line('box.example.com').replaceAll(' ', '\t')}`, at22, 'known'],
  ['an alias', line('alias'), { ...at2222, keyName: 'Alias' }, 'known'],
  ['IPv6', line('[fe80::1]:2222'), { address: 'fe80::1', port: 2222 }, 'known'],
  ['nothing', '', at22, 'unknown'],
])('%s', (_name, text, place, state) => {
  expect(judge(knownHosts(text, 'file'), place, A).state).toBe(state);
});

test('what is known instead is told with file and line', () => {
  const entries = knownHosts(`# a comment\n\n${line('box.example.com', B)}\n`, '/home/me/known_hosts');
  const verdict = judge(entries, at22, A);
  expect(verdict).toMatchObject({ state: 'changed', others: [{ file: '/home/me/known_hosts', line: 3 }] });
});

test('a fingerprint is what ssh-keygen prints', () => {
  // `ssh-keygen -lf` of this public key.
  const key = 'AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl';
  expect(hostKey(Buffer.from(key, 'base64'))).toEqual({
    type: 'ssh-ed25519',
    key,
    fingerprint: 'SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU',
  });
});

test('algorithms of known keys are offered first, all others after them', () => {
  const entries = knownHosts(`${line('box.example.com', R)}\n${line('other')}`, 'file');
  const [first, second, ...rest] = hostKeyAlgorithms(entries, at22);
  expect([first, second]).toEqual(['rsa-sha2-512', 'rsa-sha2-256']);
  expect(rest).toContain('ssh-ed25519');
  expect(hostKeyAlgorithms([], at22)[0]).toBe('ssh-ed25519');
  // A key filed without its port leads as well.
  expect(hostKeyAlgorithms(entries, at2222)[0]).toBe('rsa-sha2-512');
});

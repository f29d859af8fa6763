import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { givenAuthority } from '../../../../src/pki/outside/givenAuthority.ts';
import { DAY, openssl, temporaryDirectory, testWithOpenssl } from '../samples.ts';
import { CA, filesOf, make, textOf, wish, type Made, type Wanted } from './authorities.ts';

const folder = temporaryDirectory();
const AKI = 'authorityKeyIdentifier=keyid';
let made = 0;
const other = (wanted?: Wanted): Made => make(folder, `made-${(made += 1)}`, wanted);
/** Of an authority with other basic constraints. */
const basic = (value: string): string[] => [`basicConstraints=critical,${value}`, ...CA.slice(1)];

const given = (...input: Parameters<typeof givenAuthority>) => {
  const result = givenAuthority(...input);
  if ('faults' in result) throw new Error(result.faults.join('\n'));
  return result;
};
const faultsOf = (...input: Parameters<typeof givenAuthority>): string[] => {
  const result = givenAuthority(...input);
  return 'faults' in result ? result.faults : [];
};

testWithOpenssl('an authority of its own comes with its key, and nobody above it', () => {
  const root = make(folder, 'root');
  const { read, above, key, notes, pem } = given(filesOf(root), wish());
  expect([read.commonName, above, notes]).toEqual(['root', [], []]);
  expect(pem).toBe(textOf(root.certificate));
  // As kbin writes keys, whatever it came as.
  expect(textOf(root.key)).toMatch(/^-----BEGIN PRIVATE KEY-----/);
  expect(key?.reveal()).toMatch(/^-----BEGIN EC PRIVATE KEY-----/);
});

testWithOpenssl('one below others comes with all of them, in whatever order and file they are', () => {
  const root = make(folder, 'root');
  const middle = make(folder, 'middle', { issuer: root, extensions: [...CA, AKI] });
  const issuing = make(folder, 'issuing', { issuer: middle, extensions: [...CA, AKI] });
  const [r, m, i] = [root, middle, issuing].map(({ certificate }) => textOf(certificate));
  expect(given(filesOf(issuing, { chain: `${r}${m}` }), wish()).above).toEqual([m, r]);
  writeFileSync(issuing.certificate, `${i}${m}${r}`);
  expect(given(filesOf(issuing), wish()).above).toEqual([m, r]);
});

testWithOpenssl('texts around it, other line ends and an EC PARAMETERS block do not matter', () => {
  const root = make(folder, 'root');
  const plain = textOf(root.certificate);
  const files = filesOf(root);
  const dressed = `Subject: CN = x\r\n${plain.replaceAll('\n', '\r\n')}trailing`;
  expect(given({ ...files, certificate: { label: 'ca.pem', text: dressed } }, wish()).pem).toBe(plain);
  const old = openssl('ecparam', '-name', 'prime256v1', '-genkey');
  expect(old).toContain('EC PARAMETERS');
  expect(faultsOf({ ...files, key: { label: 'ca.key', text: { reveal: () => old } as never } }, wish())).toEqual([
    'ca.key is not the key of ca.pem',
  ]);
});

testWithOpenssl('a key that stays outside is no fault', () => {
  expect(given(filesOf(make(folder, 'root'), { key: null }), wish()).key).toBeUndefined();
});

testWithOpenssl('what is not wrong is a note: a short life, and names that it may not sign for', () => {
  const short = other({ days: 400, extensions: [...CA, 'nameConstraints=permitted;DNS:example.com'] });
  const { notes } = given(filesOf(short), wish());
  expect(notes).toEqual([
    expect.stringMatching(
      /^ca\.pem ends on \d{4}-\d\d-\d\d, in 399 days; the inventory's caDays are 3650\. What it signs ends with it$/,
    ),
    expect.stringMatching(/^ca\.pem has name constraints/),
  ]);
});

const rsa = (bits: number): string[] => ['-algorithm', 'RSA', '-pkeyopt', `rsa_keygen_bits:${bits}`];
const curve = (name: string): string[] => ['-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${name}`];

testWithOpenssl.each([
  [
    'a leaf',
    () => [filesOf(other({ extensions: ['basicConstraints=CA:FALSE'] }))],
    ['ca.pem: is no authority: it lacks CA:TRUE'],
  ],
  [
    'nothing that says what it is',
    () => [filesOf(other({ extensions: ['subjectKeyIdentifier=hash'] }))],
    ['ca.pem: is no authority: it lacks CA:TRUE'],
  ],
  [
    'one that may not sign certificates',
    () => [filesOf(other({ extensions: [CA[0]!, 'keyUsage=critical,cRLSign', CA[2]!] }))],
    ['ca.pem: is no authority: its key usage lacks certificate signing'],
  ],
  [
    'one that has expired',
    () => [filesOf(other({ days: 1 })), { now: Date.now() + 2 * DAY }],
    [/^ca\.pem: expired on \d{4}-/],
  ],
  [
    'one that is not valid yet',
    () => [filesOf(other()), { now: Date.now() - 2 * DAY }],
    [/^ca\.pem: is not valid before \d{4}-.* the clock here says/],
  ],
  ['the key of another one', () => [filesOf(other(), { key: other().key })], ['ca.key is not the key of ca.pem']],
  [
    'a certificate in place of the key',
    () => {
      const one = other();
      return [filesOf(one, { key: one.certificate })];
    },
    [/^ca\.key: holds no whole PEM block of EC PRIVATE KEY or RSA PRIVATE KEY or PRIVATE KEY$/],
  ],
  ['an encrypted key', () => [encrypted(other())], ['ca.key is encrypted']],
  [
    'a key of 1024 bits',
    () => [filesOf(other({ key: rsa(1024) }))],
    [/^ca\.pem: has a key of a kind that kbin does not sign with/],
  ],
  ['a key on P-521', () => [filesOf(other({ key: curve('P-521') }))], [/^ca\.pem: has a key of a kind/]],
  [
    'a key of Ed25519',
    () => [filesOf(other({ key: ['-algorithm', 'ED25519'] }))],
    [/^ca\.key: nothing is signed by a key of this kind/, /^ca\.pem: has a key of a kind/],
  ],
  [
    'one that allows no authority below it',
    () => [filesOf(other({ extensions: basic('CA:TRUE,pathlen:0') }))],
    [/^ca\.pem: has path length 0, and 1 must stand below it \(kubelet-signer/],
  ],
  [
    'one that may sign for servers only',
    () => [filesOf(other({ extensions: [...CA, 'extendedKeyUsage=serverAuth'] }))],
    ['ca.pem: may not sign for client: its extended key usage keeps it from that'],
  ],
  [
    'a key that stays outside, without a name for it',
    () => [filesOf(other({ extensions: [CA[0]!, CA[1]!, 'subjectKeyIdentifier=none'] }), { key: null })],
    ['ca.pem: has no subject key identifier: what it signs could not be told from others'],
  ],
  ['half a file', () => [cut(other())], ['ca.pem: is cut off: a PEM block does not end']],
  [
    'a key where the certificate belongs',
    () => [swapped(other())],
    ['ca.pem: holds a private key, not certificates alone'],
  ],
  ['DER', () => [inDer(other())], [/^ca\.pem: holds no certificate; of DER, openssl x509 -inform der/]],
  [
    'several faults',
    () => [
      filesOf(other({ extensions: [...basic('CA:TRUE,pathlen:0'), 'extendedKeyUsage=clientAuth'] }), {
        key: other().key,
      }),
    ],
    [/path length 0/, /may not sign for server/, 'ca.key is not the key of ca.pem'],
  ],
] as [string, () => [ReturnType<typeof filesOf>, object?], (string | RegExp)[]][])(
  'refused: %s',
  (_, input, expected) => {
    const [files, changes] = input();
    const faults = faultsOf(files, wish(changes));
    expect(faults).toHaveLength(expected.length);
    expected.forEach((one, index) =>
      expect(faults[index]).toMatch(one instanceof RegExp ? one : new RegExp(`^${escaped(one)}$`)),
    );
    // No text of a key is repeated.
    expect(faults.join('\n')).not.toContain(files.key?.text.reveal().split('\n')[1] ?? 'PRIVATE');
  },
);

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

testWithOpenssl('path length 0 is enough where nothing has to stand below it', () => {
  const one = other({ extensions: basic('CA:TRUE,pathlen:0') });
  expect(faultsOf(filesOf(one), wish({ below: 0 }))).toEqual([]);
});

describe('a chain', () => {
  testWithOpenssl('must reach a root', () => {
    const root = make(folder, 'root');
    const middle = make(folder, 'middle', { issuer: root, extensions: [...CA, AKI] });
    const issuing = make(folder, 'issuing', { issuer: middle, extensions: [...CA, AKI] });
    expect(faultsOf(filesOf(issuing), wish())).toEqual([
      'ca.pem: issuing is signed by middle, whose certificate is missing: give all of those above it with --chain, up to the root',
    ]);
    expect(faultsOf(filesOf(issuing, { chain: textOf(middle.certificate) }), wish())).toEqual([
      expect.stringContaining('middle is signed by root, whose certificate is missing'),
    ]);
  });

  testWithOpenssl('is proved by signatures, not by names', () => {
    const root = make(folder, 'root');
    const issuing = make(folder, 'issuing', { issuer: root });
    const namesake = make(folder, 'root');
    expect(faultsOf(filesOf(issuing, { chain: textOf(namesake.certificate) }), wish())).toEqual([
      expect.stringContaining('issuing is signed by root, whose certificate is missing'),
    ]);
  });

  testWithOpenssl('must allow what kbin makes at its end', () => {
    const root = other({ extensions: basic('CA:TRUE,pathlen:1') });
    const issuing = make(folder, 'issuing', { issuer: root, extensions: [...CA, AKI] });
    const files = filesOf(issuing, { chain: textOf(root.certificate) });
    expect(faultsOf(files, wish())).toEqual([
      expect.stringMatching(/^chain\.pem: made-\d+ has path length 1, and 2 must stand below it$/),
    ]);
    expect(faultsOf(files, wish({ below: 0 }))).toEqual([]);
  });

  testWithOpenssl('is valid in every link', () => {
    const root = other({ days: 1 });
    const issuing = make(folder, 'issuing', { issuer: root, extensions: [...CA, AKI] });
    const files = filesOf(issuing, { chain: textOf(root.certificate) });
    expect(faultsOf(files, wish({ now: Date.now() + 2 * DAY }))).toEqual([
      expect.stringMatching(/^chain\.pem: made-\d+ expired on /),
    ]);
  });

  testWithOpenssl('has no link that SHA-1 signs', () => {
    const root = make(folder, 'root');
    const issuing = make(folder, 'issuing', { issuer: root, extensions: [...CA, AKI], digest: 'sha1' });
    expect(faultsOf(filesOf(issuing, { chain: textOf(root.certificate) }), wish())).toEqual([
      expect.stringMatching(/^ca\.pem: is signed with SHA-1/),
    ]);
  });
});

function encrypted(one: Made) {
  const path = join(folder, 'encrypted.key');
  openssl('pkey', '-in', one.key, '-aes256', '-passout', 'pass:x', '-out', path);
  return filesOf(one, { key: path });
}

function cut(one: Made) {
  const files = filesOf(one);
  return { ...files, certificate: { label: 'ca.pem', text: files.certificate.text.slice(0, 300) } };
}

function swapped(one: Made) {
  return { ...filesOf(one), certificate: { label: 'ca.pem', text: textOf(one.key) } };
}

function inDer(one: Made) {
  const path = join(folder, 'ca.der');
  openssl('x509', '-in', one.certificate, '-outform', 'der', '-out', path);
  return { ...filesOf(one), certificate: { label: 'ca.pem', text: textOf(path) } };
}

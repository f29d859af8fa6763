import { X509Certificate } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { jest } from '@jest/globals';
import type { Arguments } from '../../../../src/commands/command.ts';
import { gen } from '../../../../src/commands/certs/gen.ts';
import { loadInventory } from '../../../../src/inventory/load.ts';
import { packageRoot, pkiFolder } from '../../../../src/paths.ts';
import { readRequest } from '../../../../src/pki/csr.ts';
import { openPkiStore } from '../../../../src/pki/store.ts';
import { authority } from '../../pki/samples.ts';
import { printed } from '../printed.ts';

let folder = '';
const home = process.env['KBIN_HOME'];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kbin-gen-'));
  process.env['KBIN_HOME'] = at('home');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  if (home === undefined) delete process.env['KBIN_HOME'];
  else process.env['KBIN_HOME'] = home;
});

const at = (name: string): string => join(folder, name);
function file(name: string, content: unknown): string {
  writeFileSync(at(name), typeof content === 'string' ? content : JSON.stringify(content));
  return at(name);
}

const request = { CN: 'web', hosts: ['web.example', '10.0.0.1'] };
const run = (args: Arguments) => printed(() => gen.run(args));
const certificateAt = (name: string): X509Certificate => new X509Certificate(readFileSync(at(name)));

/** A new authority in ca.pem and ca-key.pem, and the options that sign with it. */
async function newAuthority(): Promise<Arguments> {
  await run({ file: file('ca.json', { CN: 'root' }), initca: true, output: at('ca') });
  return { ca: at('ca.pem'), 'ca-key': at('ca-key.pem') };
}

test('without -o there is cfssl’s JSON on standard output, and no file', async () => {
  const signer = await newAuthority();
  const before = readdirSync(folder);
  const { out, result } = await run({ file: file('web.json', request), ...signer });
  expect(result).toBe(0);
  expect(readdirSync(folder)).toEqual([...before, 'web.json']);
  const json = JSON.parse(out) as Record<string, string>;
  expect(Object.keys(json)).toEqual(['cert', 'csr', 'key']);
  expect(new X509Certificate(json['cert']!).checkIssued(certificateAt('ca.pem'))).toBe(true);
  expect(readRequest(json['csr']!).commonName).toBe('web');
  expect(json['key']).toMatch(/^-----BEGIN EC PRIVATE KEY-----\n/);
});

test('with -o there are files with their modes, and one line that names them', async () => {
  const signer = await newAuthority();
  const { out } = await run({ file: file('web.json', request), ...signer, output: at('web'), csr: true });
  const names = ['web.pem', 'web-key.pem', 'web.csr'];
  expect(out).toMatch(new RegExp(`^${names.map(at).join(', ')}: valid until \\d{4}-\\d\\d-\\d\\d\\n$`));
  expect(names.map((name) => statSync(at(name)).mode & 0o777)).toEqual([0o644, 0o600, 0o644]);
  expect(out).not.toContain('PRIVATE KEY');
});

test('the request may come from standard input', async () => {
  const signer = await newAuthority();
  const typed = Readable.from([JSON.stringify(request)]) as unknown as typeof process.stdin;
  const stdin = jest.spyOn(process, 'stdin', 'get').mockReturnValue(typed);
  await run({ file: '-', ...signer, output: at('web') });
  stdin.mockRestore();
  expect(certificateAt('web.pem').subject).toBe('CN=web');
});

test('hosts and common name of the command line go before the request’s', async () => {
  const signer = await newAuthority();
  await run({
    file: file('web.json', request),
    ...signer,
    hostname: 'a.example, 10.0.0.2',
    cn: 'other',
    output: at('web'),
  });
  expect(certificateAt('web.pem').subject).toBe('CN=other');
  expect(certificateAt('web.pem').subjectAltName).toBe('DNS:a.example, IP Address:10.0.0.2');
});

test('a profile of a configuration is taken by its name', async () => {
  const signer = await newAuthority();
  const profiles = { client: { usages: ['signing', 'client auth'], expiry: '24h' } };
  const config = file('config.json', { signing: { profiles } });
  await run({ file: file('web.json', { CN: 'x' }), ...signer, config, profile: 'client', output: at('x') });
  expect(certificateAt('x.pem').keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
});

test('a new authority may have a key that is there; the key is not written again', async () => {
  await newAuthority();
  const key = readFileSync(at('ca-key.pem'), 'utf8');
  const { out } = await run({ file: at('ca.json'), initca: true, 'ca-key': at('ca-key.pem'), output: at('again') });
  expect(out).toMatch(/again\.pem: valid/);
  expect(existsSync(at('again-key.pem'))).toBe(false);
  expect(certificateAt('again.pem').publicKey.equals(certificateAt('ca.pem').publicKey)).toBe(true);
  expect(readFileSync(at('ca-key.pem'), 'utf8')).toBe(key);
});

test('an authority of a cluster’s store signs, by its name', async () => {
  cpSync(join(packageRoot(), 'inventory', 'single.yaml'), at('single.yaml'));
  const { cluster } = await loadInventory(at('single.yaml'));
  const store = openPkiStore(pkiFolder(cluster));
  await store.issue(authority({ commonName: 'etcd-ca', name: 'etcd-ca', dnsNames: [] }), Date.now());
  const options = { file: file('web.json', request), inventory: at('single.yaml'), output: at('web') };
  await run({ ...options, authority: 'etcd-ca' });
  expect(certificateAt('web.pem').issuer).toBe('CN=etcd-ca');
  await expect(run({ ...options, authority: 'front', output: at('other') })).rejects.toMatchObject({
    code: 'PKI',
    message: `cluster ${cluster} has no authority front here`,
    hint: 'There are etcd-ca.',
  });
});

test('a PKCS#12 file has its password from a variable, and nothing goes to standard output but its name', async () => {
  const signer = await newAuthority();
  process.env['KBIN_TEST_PASSWORD'] = 'secret';
  const options = { file: file('web.json', request), ...signer, pkcs12: at('web.p12') };
  const { out, err } = await run({ ...options, 'password-env': 'KBIN_TEST_PASSWORD' });
  delete process.env['KBIN_TEST_PASSWORD'];
  expect(out).toMatch(new RegExp(`^${at('web.p12')}: valid until`));
  expect(statSync(at('web.p12')).mode & 0o777).toBe(0o600);
  expect(out + err).not.toContain('secret');
});

test('files that are there stay, unless they may be replaced', async () => {
  const signer = await newAuthority();
  const options = { file: file('web.json', request), ...signer, output: at('web') };
  writeFileSync(at('web-key.pem'), 'mine');
  await expect(run(options)).rejects.toMatchObject({ code: 'USAGE', message: `${at('web-key.pem')} is already there` });
  expect(readFileSync(at('web-key.pem'), 'utf8')).toBe('mine');
  expect(existsSync(at('web.pem'))).toBe(false);
  await run({ ...options, force: true });
  expect(readFileSync(at('web-key.pem'), 'utf8')).toContain('PRIVATE KEY');
});

test('what the certificate lacks is a warning on standard error', async () => {
  const signer = await newAuthority();
  const { err, out } = await run({ file: file('x.json', { CN: 'x' }), ...signer });
  expect(err).toBe('warning: the request has no hosts, so no client will take this certificate for a server’s\n');
  expect(() => JSON.parse(out) as unknown).not.toThrow();
});

describe('nothing is written', () => {
  const profiles = { server: { usages: ['server auth'], expiry: '1h' }, long: { usages: ['signing'], expiry: '1y' } };
  const files = () => ({
    good: file('web.json', request),
    weak: file('weak.json', { CN: 'x', key: { algo: 'rsa', size: 1024 } }),
    kind: file('kind.json', { CN: 'x', key: { algo: 'dsa' } }),
    empty: file('empty.json', {}),
    config: file('config.json', { signing: { profiles: { server: profiles.server } } }),
    long: file('long.json', { signing: { profiles } }),
  });

  test.each<[string, string, (of: ReturnType<typeof files>) => Arguments]>([
    ['an unknown algorithm', 'USAGE', ({ kind }) => ({ file: kind })],
    ['a small key', 'USAGE', ({ weak }) => ({ file: weak })],
    ['neither name nor hosts', 'USAGE', ({ empty }) => ({ file: empty })],
    ['a profile that is not there', 'USAGE', ({ config }) => ({ config, profile: 'client' })],
    ['a bad expiry', 'USAGE', ({ long }) => ({ config: long, profile: 'server' })],
    ['the key of another authority', 'PKI', () => ({ 'ca-key': at('other-key.pem') })],
    ['a certificate without CA:TRUE', 'PKI', () => ({ ca: at('leaf.pem'), 'ca-key': at('leaf-key.pem') })],
    ['a request in place of a certificate', 'PKI', ({ good }) => ({ ca: good })],
    ['a folder that is not there', 'USAGE', () => ({ output: at('no/such') })],
  ])('%s', async (_, code, change) => {
    const signer = await newAuthority();
    const of = files();
    await run({ file: at('ca.json'), initca: true, output: at('other') });
    await run({ file: of.good, ...signer, output: at('leaf') });
    const before = readdirSync(folder);
    const options = { file: of.good, ...signer, output: at('web'), csr: true, ...change(of) };
    await expect(run(options)).rejects.toMatchObject({ code });
    expect(readdirSync(folder)).toEqual(before);
  });
});

test.each<[string, Arguments, string]>([
  ['nobody to sign', {}, 'nothing says who signs'],
  ['two to sign', { initca: true, ca: 'x' }, 'only one can sign'],
  ['two others to sign', { ca: 'x', 'ca-key': 'y', authority: 'ca' }, 'only one can sign'],
  ['an authority without its key', { ca: 'x' }, '--ca needs --ca-key'],
  ['a cluster without an authority', { inventory: 'x' }, '-i and --authority belong together'],
  ['an authority without a cluster', { authority: 'ca' }, '-i and --authority belong together'],
  ['a profile for a new authority', { initca: true, config: 'x' }, '--config has no meaning with --initca'],
  ['hosts for a new authority', { initca: true, hostname: 'x' }, '--hostname has no meaning with --initca'],
  ['a profile without a configuration', { ca: 'x', 'ca-key': 'y', profile: 'p' }, '--profile needs --config'],
  ['a request without a name', { initca: true, csr: true }, '--csr needs -o'],
  ['a password for nothing', { initca: true, 'password-env': 'X' }, '--password-env needs --pkcs12'],
  [
    'an empty password',
    { initca: true, pkcs12: 'x.p12', 'password-env': 'NO_SUCH_VARIABLE' },
    'NO_SUCH_VARIABLE is empty',
  ],
  ['no terminal to ask on', { initca: true, pkcs12: 'x.p12' }, 'no password was typed'],
  ['a request that is not there', { initca: true, file: '/no/such.json' }, '/no/such.json cannot be read'],
  ['a configuration that is not there', { ca: 'x', 'ca-key': 'y', config: '/no/such' }, '/no/such cannot be read'],
  ['an authority that is not there', { ca: '/no/such.pem', 'ca-key': 'y' }, '/no/such.pem cannot be read'],
])('%s is USAGE, and nothing is written', async (_, args, message) => {
  const before = process.cwd();
  const file = { file: at('web.json') };
  writeFileSync(file.file, JSON.stringify(request));
  process.chdir(folder);
  try {
    await expect(run({ ...file, ...args })).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(message) as string,
    });
  } finally {
    process.chdir(before);
  }
  expect(readdirSync(folder)).toEqual(['web.json']);
});

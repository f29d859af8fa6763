import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Arguments, Command } from '../../../../src/commands/command.ts';
import { csr } from '../../../../src/commands/certs/csr.ts';
import { importCertificates } from '../../../../src/commands/certs/import.ts';
import { awaitedCertificates, certificateIssues } from '../../../../src/engine/planning.ts';
import type { Engine } from '../../../../src/engine/engine.ts';
import { loadInventory } from '../../../../src/inventory/load.ts';
import type { Facts } from '../../../../src/model/facts.ts';
import { packageRoot, pkiFolder } from '../../../../src/paths.ts';
import { openPkiStore } from '../../../../src/pki/store.ts';
import { CA, make, sign, textOf, type Made } from '../../pki/outside/authorities.ts';
import { openssl, rows, testWithOpenssl } from '../../pki/samples.ts';
import { printed } from '../printed.ts';

let folder = '';
let inventory = '';
let pki = '';
const home = process.env['KBIN_HOME'];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kbin-outside-'));
  process.env['KBIN_HOME'] = at('home');
  inventory = at('single.yaml');
  cpSync(join(packageRoot(), 'inventory', 'single.yaml'), inventory);
  pki = pkiFolder((await loadInventory(inventory)).cluster);
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  if (home === undefined) Reflect.deleteProperty(process.env, 'KBIN_HOME');
  else process.env['KBIN_HOME'] = home;
});

const at = (name: string): string => join(folder, name);
const run = (command: Command, args: Arguments) => printed(() => command.run({ inventory, ...args }));
const importing = (args: Arguments) => run(importCertificates, args);

/** What a deploy would find to do about certificates now, and what it would stop at. */
async function deployed(): Promise<{ issues: string[]; awaited: () => string[] }> {
  const engine = { inventory: await loadInventory(inventory), rows } as unknown as Engine;
  const certificates = await openPkiStore(pki).list();
  const facts = { observedAt: Date.now(), local: { certificates, encryption: {} }, hosts: {} } as unknown as Facts;
  const issues = certificateIssues(engine, facts).flatMap((issue) =>
    'certificate' in issue ? [issue.certificate.name] : [],
  );
  return { issues, awaited: () => awaitedCertificates(engine, facts) };
}

const signAll = (directory: string, ca: Made): void => {
  const signer = ['basicConstraints=critical,CA:TRUE,pathlen:0', 'keyUsage=critical,keyCertSign'];
  for (const file of readdirSync(directory).filter((name) => name.endsWith('.csr')))
    sign(join(directory, file), ca, file === 'kubelet-signer.csr' ? { extensions: signer } : {});
};

testWithOpenssl(
  'an outside authority: imported without its key, asked with requests, and nothing is left for kbin',
  async () => {
    const ca = make(folder, 'acme');
    const { out } = await importing({ authority: 'ca', cert: ca.certificate });
    expect(out).toMatch(
      /^ca of cluster single is acme, valid until \d{4}-\d\d-\d\d\.\nIts key stays outside\. .*kbin certs csr -i .* -o DIR\n$/,
    );
    const before = await deployed();
    expect(before.issues).toEqual(
      expect.arrayContaining(['etcd-ca', 'front-proxy-ca', 'etcd-server@node-1', 'front-proxy-client@node-1']),
    );
    expect(before.issues).not.toContain('admin');
    expect(before.awaited).toThrow('13 certificates have to be signed outside, where the key of ca is');
    expect((await run(csr, { output: at('out') })).out).toMatch(
      /^13 requests for ca in .*; requests\.json there says what each asks for\.\n/,
    );
    const manifest = JSON.parse(textOf(at('out/requests.json'))) as { requests: { name: string; file: string }[] };
    expect(manifest.requests.map(({ file }) => file).toSorted()).toEqual(
      readdirSync(at('out')).filter((name) => name.endsWith('.csr')),
    );
    expect(manifest.requests.find(({ name }) => name === 'admin')).toEqual({
      ...{ name: 'admin', file: 'admin.csr', authority: 'ca', isAuthority: false, commonName: 'kubernetes-admin' },
      ...{
        organizations: ['kubeadm:cluster-admins'],
        dnsNames: [],
        ipAddresses: [],
        usages: ['client auth'],
        days: 365,
      },
    });
    signAll(at('out'), ca);
    const imported = await importing({ files: [at('out')] });
    expect(imported.out).toMatch(/^Imported: admin, .*super-admin\. kbin deploy brings them to the hosts\.\n$/);
    const after = await deployed();
    expect(after.awaited()).toEqual([]);
    expect(after.issues.some((name) => /admin|apiserver@|kubelet/.test(name))).toBe(false);
    expect((await run(csr, { output: at('more') })).out).toMatch(/^Nothing has to be signed outside now\./);
    expect(existsSync(at('more'))).toBe(false);
    expect((await importing({ files: [at('out')] })).out).toMatch(/^In the store already: admin, /);
  },
);

testWithOpenssl('a certificate that is due is told and stops nothing; one that is over stops everything', async () => {
  const ca = make(folder, 'acme');
  await importing({ authority: 'ca', cert: ca.certificate });
  await run(csr, { output: at('out') });
  signAll(at('out'), ca);
  sign(at('out/admin.csr'), ca, { days: 40 });
  await importing({ files: [at('out')] });
  const engine = { inventory: await loadInventory(inventory), rows } as unknown as Engine;
  const local = { certificates: await openPkiStore(pki).list(), encryption: {} };
  const awaited = (days: number, renew: ReadonlySet<string> = new Set()) =>
    awaitedCertificates(
      engine,
      { observedAt: Date.now() + days * 86_400_000, local, hosts: {} } as unknown as Facts,
      renew,
    );
  expect(awaited(0)).toEqual([]);
  expect(awaited(30)).toEqual([expect.stringMatching(/^admin, signed by ca: expires in 9 days$/)]);
  expect(() => awaited(41)).toThrow('1 certificate has to be signed outside, where the key of ca is');
  // Renewal that was asked for cannot be done here.
  expect(() => awaited(0, new Set(['apiserver@node-1']))).toThrow('1 certificate has to be signed outside');
});

testWithOpenssl('--name asks for what nothing is wrong with', async () => {
  const ca = make(folder, 'acme');
  await importing({ authority: 'ca', cert: ca.certificate, key: ca.key });
  await expect(run(csr, { output: at('out') })).rejects.toMatchObject({
    code: 'PKI',
    message: 'every authority of cluster single has its key here, or kbin makes it',
  });
  await run(csr, { output: at('out'), name: ['apiserver*'] });
  expect(readdirSync(at('out')).toSorted()).toEqual([
    'apiserver-etcd-client@node-1.csr',
    'apiserver-kubelet-client@node-1.csr',
    'apiserver@node-1.csr',
    'requests.json',
  ]);
  await expect(run(csr, { output: at('out'), name: ['nobody'] })).rejects.toMatchObject({ code: 'USAGE' });
  expect(textOf(at('out/requests.json'))).not.toContain('PRIVATE');
});

testWithOpenssl('one wrong certificate among many: nothing is written, and every fault has its line', async () => {
  const ca = make(folder, 'acme');
  await importing({ authority: 'ca', cert: ca.certificate });
  await run(csr, { output: at('out') });
  signAll(at('out'), ca);
  sign(at('out/admin.csr'), ca, { extensions: ['extendedKeyUsage=serverAuth'] });
  sign(at('out/apiserver@node-1.csr'), ca, { extensions: ['subjectAltName=DNS:kubernetes'] });
  const files = () => readdirSync(pki, { recursive: true, encoding: 'utf8' }).toSorted();
  const before = files();
  await expect(importing({ files: [at('out')] })).rejects.toMatchObject({
    code: 'PKI',
    message: '3 faults in what was given',
    evidence: [
      expect.stringMatching(/admin\.crt: admin lacks the extended key usage client$/),
      expect.stringMatching(/admin\.crt: admin has the extended key usage server, which was not asked for$/),
      expect.stringMatching(
        /apiserver@node-1\.crt: apiserver@node-1 lacks the subject alternative name node-1, kubernetes\.default, /,
      ),
    ],
    hint: expect.stringMatching(/Nothing was written\.$/),
  });
  expect(files()).toEqual(before);
});

testWithOpenssl('a part can be brought first; what waits still is told', async () => {
  const ca = make(folder, 'acme');
  await importing({ authority: 'ca', cert: ca.certificate });
  await run(csr, { output: at('out') });
  const { out } = await importing({ files: [sign(at('out/admin.csr'), ca)] });
  expect(out).toBe('Imported: admin. 12 requests wait still. kbin deploy brings them to the hosts.\n');
});

testWithOpenssl('an authority with path length 0 signs, once kubelet-signer has one of its own', async () => {
  const extensions = ['basicConstraints=critical,CA:TRUE,pathlen:0', ...CA.slice(1)];
  const [ca, signer] = [make(folder, 'acme', { extensions }), make(folder, 'signer', { extensions })];
  const given = { authority: 'ca', cert: ca.certificate, key: ca.key };
  await expect(importing(given)).rejects.toMatchObject({
    message: expect.stringMatching(/has path length 0, and 1 must stand below it \(kubelet-signer/),
  });
  expect(existsSync(pki)).toBe(false);
  await importing({ authority: 'kubelet-signer', cert: signer.certificate, key: signer.key });
  await importing(given);
  const { issues } = await deployed();
  expect(issues).toContain('admin');
  expect(issues).not.toContain('kubelet-signer');
});

testWithOpenssl('an authority that is there is not replaced, and the way to do that is told', async () => {
  const ca = make(folder, 'acme');
  await importing({ authority: 'etcd-ca', cert: ca.certificate, key: ca.key });
  await expect(importing({ authority: 'etcd-ca', cert: ca.certificate, key: ca.key })).rejects.toMatchObject({
    code: 'PKI',
    message: 'etcd-ca is in the store of this cluster already',
    hint: expect.stringContaining('kbin certs rotate-ca --ca etcd'),
  });
});

testWithOpenssl('the PKI of a kubeadm cluster: everything else is issued by kbin', async () => {
  mkdirSync(at('kubeadm/etcd'), { recursive: true });
  for (const [place, name] of [
    ['ca', 'kubernetes'],
    ['etcd/ca', 'etcd-ca'],
    ['front-proxy-ca', 'front-proxy-ca'],
  ] as const) {
    const made = make(folder, name, { subject: `/CN=${name}` });
    cpSync(made.certificate, at(`kubeadm/${place}.crt`));
    cpSync(made.key, at(`kubeadm/${place}.key`));
  }
  openssl('genrsa', '-out', at('kubeadm/sa.key'), '2048');
  const { out } = await importing({ kubeadm: at('kubeadm') });
  expect(out).toMatch(
    /^Cluster single has ca, etcd-ca, front-proxy-ca, sa of .*\. kbin deploy issues everything else\.\n$/,
  );
  for (const file of readdirSync(pki)) expect([file, statSync(join(pki, file)).mode & 0o777]).toEqual([file, 0o600]);
  const { issues } = await deployed();
  expect(issues).toEqual(expect.arrayContaining(['kubelet-signer', 'apiserver@node-1', 'etcd-peer@node-1', 'admin']));
  expect(issues).not.toContain('ca');
  await expect(importing({ kubeadm: at('kubeadm') })).rejects.toMatchObject({
    message: expect.stringContaining('already'),
  });
});

testWithOpenssl('a kubeadm directory without a key: what it means, and nothing is written', async () => {
  mkdirSync(at('kubeadm'));
  const ca = make(folder, 'kubernetes');
  cpSync(ca.certificate, at('kubeadm/ca.crt'));
  await expect(importing({ kubeadm: at('kubeadm') })).rejects.toMatchObject({
    code: 'PKI',
    evidence: ['ca.key', 'etcd/ca.crt', 'front-proxy-ca.crt', 'sa.key'].map((file): unknown =>
      expect.stringContaining(`${file}: is missing`),
    ),
  });
  expect(existsSync(pki)).toBe(false);
});

test.each([
  ['nothing', {}, 'kbin certs import takes one of three: files, --authority, --kubeadm'],
  [
    'two of them',
    { authority: 'ca', kubeadm: 'x' },
    'kbin certs import takes one of three: files, --authority, --kubeadm',
  ],
  ['a key of nobody', { files: ['x'], key: 'ca.key' }, '--key needs --authority'],
  ['an authority without a certificate', { authority: 'ca' }, 'the certificate of the authority is missing: --cert'],
  ['another authority', { authority: 'my-ca', cert: 'x' }, '--authority: this cluster has no authority my-ca'],
  ['a file that is not there', { files: ['/nowhere/x.crt'] }, /^\/nowhere\/x\.crt cannot be read/],
  ['no directory of kubeadm', { kubeadm: '/nowhere' }, '--kubeadm: /nowhere is no directory'],
])('refused: %s', async (_, args, message) => {
  await expect(importing(args)).rejects.toMatchObject({
    code: 'USAGE',
    message: typeof message === 'string' ? message : expect.stringMatching(message),
  });
  expect(existsSync(pki)).toBe(false);
});

testWithOpenssl('a directory without certificates is told', async () => {
  mkdirSync(at('empty'));
  writeFileSync(at('empty/x.csr'), '');
  await expect(importing({ files: [at('empty')] })).rejects.toMatchObject({
    message: expect.stringContaining('has no file that ends in .crt'),
  });
  // A key in place of a certificate is refused without a word of it.
  const ca = make(folder, 'acme');
  await importing({ authority: 'ca', cert: ca.certificate });
  const error = await importing({ files: [ca.key] }).catch((caught: unknown) => caught);
  expect(JSON.stringify(error)).not.toContain(readFileSync(ca.key, 'utf8').split('\n')[1]);
  expect(error).toMatchObject({
    message: expect.stringMatching(/acme\.key: holds a private key, not certificates alone$/),
  });
});

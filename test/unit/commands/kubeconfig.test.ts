import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { loadAll } from '../../../src/commands/entry.ts';
import { KUBECONFIG } from '../../../src/commands/kubeconfig/index.ts';
import { KbinError } from '../../../src/errors.ts';
import type { CertSpec } from '../../../src/model/pki.ts';
import { packageRoot, pkiFolder } from '../../../src/paths.ts';
import { openPkiStore } from '../../../src/pki/store.ts';
import { authority } from '../pki/samples.ts';
import { printed } from './printed.ts';

const home = mkdtempSync(join(tmpdir(), 'kbin-kubeconfig-'));
const inventory = join(packageRoot(), 'inventory', 'ha-stacked.yaml');
const before = { home: process.env['KBIN_HOME'], kubeconfig: process.env['KUBECONFIG'] };

beforeAll(async () => {
  process.env['KBIN_HOME'] = home;
  const admin: CertSpec = {
    ...authority({ name: 'admin', days: 10, isAuthority: false, commonName: 'kubernetes-admin', dnsNames: [] }),
    ca: 'ca',
    organizations: ['kubeadm:cluster-admins'],
    usages: ['client'],
  };
  await openPkiStore(pkiFolder('ha-stacked')).issueAll([authority({ days: 20 }), admin], Date.now());
});
afterAll(() => {
  for (const [name, value] of [['KBIN_HOME', before.home] as const, ['KUBECONFIG', before.kubeconfig] as const]) {
    if (value === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = value;
  }
  rmSync(home, { recursive: true, force: true });
});

const commands = await loadAll(KUBECONFIG);
const run = (usage: string, args: Record<string, unknown> = {}) =>
  printed(async () => commands.find((command) => command.usage === usage)?.run({ inventory, ...args }));
const admin = (args: Record<string, unknown> = {}) => run('kubeconfig', args);
const issue = (name: string, args: Record<string, unknown> = {}) => run('kubeconfig issue <name>', { name, ...args });
const listed = async () => JSON.parse((await run('kubeconfig list', { json: true })).out) as Record<string, unknown>[];

interface Config {
  clusters: { name: string; cluster: Record<string, unknown> }[];
  users: { name: string; user: Record<string, string> }[];
  contexts: { name: string; context: Record<string, unknown> }[];
  'current-context': string;
}
const configIn = (text: string): Config => load(text) as Config;
const certificateOf = (config: Config): X509Certificate =>
  new X509Certificate(Buffer.from(config.users[0]!.user['client-certificate-data']!, 'base64'));

const refusal = async (work: Promise<unknown>): Promise<KbinError> => {
  const error: unknown = await work.then(
    () => 'nothing was thrown',
    (reason: unknown) => reason,
  );
  if (error instanceof KbinError) return error;
  throw error;
};

test('before anything is issued the list says so', async () => {
  expect((await run('kubeconfig list')).out).toBe('No kubeconfigs were issued for cluster ha-stacked.\n');
  expect(await listed()).toEqual([]);
});

test('the administrator’s kubeconfig goes to standard output, its context called as the cluster', async () => {
  const { out, err } = await admin();
  const config = configIn(out);
  expect(err).toBe('');
  expect(config.contexts).toEqual([
    { name: 'ha-stacked', context: { cluster: 'ha-stacked', user: 'kubernetes-admin@ha-stacked' } },
  ]);
  expect(config.clusters[0]!.cluster['server']).toBe('https://api.example.com:6443');
  expect(certificateOf(config).subject).toBe('O=kubeadm:cluster-admins\nCN=kubernetes-admin');
});

test('an issued kubeconfig goes to standard output alone; the summary to standard error', async () => {
  const stored = readdirSync(pkiFolder('ha-stacked'));
  const { out, err } = await issue('alice', { group: ['dev', 'web'], expires: '8h' });
  const config = configIn(out);
  const certificate = certificateOf(config);
  expect(certificate.subject).toBe('O=dev\nO=web\nCN=alice');
  expect(err).toContain('Issued for alice, in dev, web: valid until ');
  expect(err).toContain(`(8 h), serial ${certificate.serialNumber}.`);
  expect(config['current-context']).toBe('alice@ha-stacked');
  const ledger = readFileSync(join(home, 'clusters', 'ha-stacked', 'kubeconfigs.json'), 'utf8');
  expect(ledger).not.toMatch(/KEY|key-data/);
  expect(readdirSync(pkiFolder('ha-stacked'))).toEqual(stored);
  expect(await listed()).toMatchObject([
    {
      name: 'alice',
      groups: ['dev', 'web'],
      serial: certificate.serialNumber,
      fingerprint: certificate.fingerprint256,
      expired: false,
    },
  ]);
});

test('the same name again is another line of the list', async () => {
  await issue('alice', { expires: '30d', output: join(home, 'alice.kubeconfig') });
  const lines = (await run('kubeconfig list')).out.trimEnd().split('\n');
  expect(lines[0]).toMatch(/^NAME +GROUPS +SERIAL +EXPIRES +REMAINING +STATE$/);
  expect(lines.slice(1).map((line) => line.split(/ {2,}/).toSpliced(2, 2))).toEqual([
    ['alice', 'dev, web', expect.stringMatching(/^7 h 59 min$|^8 h$/), 'valid'],
    ['alice', '-', expect.stringMatching(/^19 d 23 h$|^20 d$/), 'valid'],
  ]);
});

test('it is told when the CA ends first', async () => {
  const { out } = await issue('carol', { expires: '60d', output: join(home, 'carol.kubeconfig') });
  expect(out).toContain('It ends with the CA, which is before the time that was asked for.');
});

test('without --expires it is a day', async () => {
  const { out } = await issue('dave', { output: join(home, 'dave.kubeconfig') });
  expect(out).toMatch(/^Issued for dave, in no group: valid until \S+Z \(1 d\), serial [0-9A-F]+\.\n$/);
});

test('merging without a file name takes the first of KUBECONFIG; --server gets an entry of its own', async () => {
  const file = join(home, 'kube', 'config');
  process.env['KUBECONFIG'] = `:${file}:/nowhere`;
  const { out } = await issue('erin', { merge: '' });
  expect(out).toContain(`Context erin@ha-stacked is in ${file}: kubectl --context erin@ha-stacked get nodes`);
  await issue('erin', {
    merge: file,
    server: 'https://127.0.0.1:7443',
    context: 'erin’s tunnel',
    namespace: 'web',
    use: true,
  });
  expect((await listed()).filter(({ name }) => name === 'erin')).toHaveLength(2);
  const { out: told } = await admin({ merge: file });
  expect(told).toContain(`The file as it was: ${file}.kbin-backup`);
  const config = configIn(readFileSync(file, 'utf8'));
  expect(config.clusters.map(({ name, cluster }) => [name, cluster['server']])).toEqual([
    ['ha-stacked', 'https://api.example.com:6443'],
    ['ha-stacked@127.0.0.1:7443', 'https://127.0.0.1:7443'],
  ]);
  expect(config.contexts).toEqual([
    { name: 'erin@ha-stacked', context: { cluster: 'ha-stacked', user: 'erin@ha-stacked' } },
    {
      name: 'erin’s tunnel',
      context: { cluster: 'ha-stacked@127.0.0.1:7443', user: 'erin@ha-stacked', namespace: 'web' },
    },
    {
      name: 'kubernetes-admin@ha-stacked',
      context: { cluster: 'ha-stacked', user: 'kubernetes-admin@ha-stacked' },
    },
  ]);
  expect(config['current-context']).toBe('erin’s tunnel');
});

test('where the merge is refused, nothing is issued', async () => {
  const file = join(home, 'broken');
  writeFileSync(file, '# mine\nkind: Config\n users: []\n');
  const count = (await listed()).length;
  const error = await refusal(issue('frank', { merge: file }));
  expect([error.code, error.message]).toEqual(['USAGE', expect.stringContaining(`${file}:3:7 is broken YAML`)]);
  expect((await refusal(issue('frank', { output: join(file, 'below') }))).code).toBe('USAGE');
  expect(await listed()).toHaveLength(count);
  writeFileSync(file, '# mine\nkind: Config\n');
  expect((await issue('frank', { merge: file })).out).toContain('The file as it was, with its comments: ');
});

test('where it cannot be recorded, nothing is handed out', async () => {
  const ledger = join(home, 'clusters', 'ha-stacked', 'kubeconfigs.json');
  const text = readFileSync(ledger, 'utf8');
  writeFileSync(ledger, 'damaged');
  const file = join(home, 'grace.kubeconfig');
  expect((await refusal(issue('grace', { output: file }))).code).toBe('PKI');
  expect(readdirSync(home)).not.toContain('grace.kubeconfig');
  writeFileSync(ledger, text);
});

test.each<[Record<string, unknown>, string, string]>([
  [{ expires: '8' }, 'USAGE', '--expires "8" is no length of time'],
  [{ expires: '0h' }, 'USAGE', '--expires "0h" is no length of time'],
  [{ expires: '' }, 'USAGE', '--expires "" is no length of time'],
  [{ expires: ['8h', '9h'] }, 'USAGE', '--expires stands there more than once'],
  [{ output: '' }, 'USAGE', '--output names no file'],
  [{ output: 'a', merge: 'b' }, 'USAGE', '--output and --merge exclude each other'],
  [{ use: true }, 'USAGE', '--use means nothing without --merge'],
  [{ output: 'a', force: true }, 'USAGE', '--force means nothing without --merge'],
  [{ context: ' ' }, 'USAGE', '--context " " is no name'],
  [{ server: 'http://api:6443' }, 'USAGE', 'is no URL of an API'],
  [{ server: 'https://me:secret@api:6443' }, 'USAGE', 'is no URL of an API'],
  [{ server: 'api:6443' }, 'USAGE', 'is no URL of an API'],
  [{ namespace: 'Web' }, 'USAGE', '--namespace "Web" is no namespace'],
  [{ group: 'system:masters' }, 'REFUSED', 'bypasses RBAC'],
  [{ group: '' }, 'USAGE', 'a group of a user is empty'],
])('issue with %j is refused', async (args, code, message) => {
  const error = await refusal(issue('alice', args));
  expect([error.code, error.message]).toEqual([code, expect.stringContaining(message)]);
});

test('system:masters can be allowed', async () => {
  const { err } = await issue('heidi', { group: 'system:masters', 'allow-masters': true });
  expect(err).toContain('in system:masters');
});

test('a cluster that was not deployed from here is told', async () => {
  const error = await refusal(issue('alice', { inventory: join(packageRoot(), 'inventory', 'single.yaml') }));
  expect([error.code, error.message]).toEqual(['PKI', expect.stringContaining('there are no certificates of cluster')]);
});

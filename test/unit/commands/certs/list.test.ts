import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { jest } from '@jest/globals';
import type { CertificatesWanted } from '../../../../src/engine/certificates.ts';
import { EXIT_CODES } from '../../../../src/errors.ts';
import type { CertificateRow } from '../../../../src/model/certificateRow.ts';
import { packageRoot } from '../../../../src/paths.ts';
import { printed } from '../printed.ts';

const DAY = 86_400_000;
const home = mkdtempSync(join(tmpdir(), 'kbin-list-'));
const inventory = join(packageRoot(), 'inventory', 'ha-stacked.yaml');
const cluster = join(home, 'clusters', 'ha-stacked');
const before = process.env['KBIN_HOME'];

/** What the hosts and the store would say. */
let rows: CertificateRow[];
const asked: CertificatesWanted[] = [];
jest.unstable_mockModule('../../../../src/engine/certificates.ts', () => ({
  listCertificates: async (_: unknown, wanted: CertificatesWanted) => {
    asked.push(wanted);
    return rows;
  },
}));
const { listCertificatesCommand, listExitCode } = await import('../../../../src/commands/certs/list.ts');

beforeAll(() => {
  process.env['KBIN_HOME'] = home;
  mkdirSync(cluster, { recursive: true });
});
beforeEach(() => {
  rows = [row({ found: found(20) })];
  asked.splice(0);
});
afterAll(() => {
  if (before === undefined) Reflect.deleteProperty(process.env, 'KBIN_HOME');
  else process.env['KBIN_HOME'] = before;
  rmSync(home, { recursive: true, force: true });
});

const row = (changes: Partial<CertificateRow> = {}): CertificateRow => ({
  ...{ name: 'apiserver', host: 'cp-1', place: 'disk', at: '/x', found: null, disagreements: [] },
  ...changes,
});
const found = (days: number): NonNullable<CertificateRow['found']> => ({
  ...{ subject: 'kube-apiserver', issuer: 'kubernetes', organizations: [], sans: [], serial: '5E' },
  ...{ notBefore: Date.now() - 90 * DAY, notAfter: Date.now() + days * DAY, daysLeft: days },
});
const unseen = (code: string): CertificateRow => row({ unseen: { code, message: '' } });
const wrong = row({ disagreements: [{ code: 'older', text: 'is old' }] });

const run = (args: Record<string, unknown> = {}) => printed(() => listCertificatesCommand.run({ inventory, ...args }));

test('one JSON document; metrics in a file that all may read; no journal and no audit record', async () => {
  const file = join(home, 'kbin.prom');
  writeFileSync(file, 'before', { mode: 0o600 });
  const { out, err, result } = await run({ json: true, prometheus: file });
  expect([result, err]).toEqual([0, '']);
  expect(JSON.parse(out)).toMatchObject({ cluster: 'ha-stacked', certificates: [{ name: 'apiserver', serial: '5E' }] });
  expect((statSync(file).mode & 0o777).toString(8)).toBe('644');
  expect(readFileSync(file, 'utf8')).toMatch(/^kbin_certificates_listed_at_seconds\{cluster="ha-stacked"\} \d+$/m);
  expect(readdirSync(dirname(file)).sort()).toEqual(['clusters', 'kbin.prom']);
  expect(readdirSync(cluster)).toEqual([]);
});

test('a table for people, with what ends within the time', async () => {
  const { out, result } = await run({ within: '720h' });
  expect(result).toBe(EXIT_CODES.EXPIRING);
  expect(out).toMatch(/^CERTIFICATE +HOSTS .*\napiserver +cp-1 /);
  expect(out).toContain('within 720h: 1 certificate ends: apiserver of cp-1\n');
  const { out: sooner, result: fine } = await run({ within: '19d', all: true });
  expect([fine, sooner]).toEqual([0, expect.stringContaining('within 19d: none ends\n')]);
  expect(sooner).toContain('SUBJECT');
});

test('asks the hosts of --limit, and takes the kubeconfigs that were handed out', async () => {
  const issued = {
    name: 'alice',
    groups: [],
    serial: 'A',
    fingerprint: '',
    authorityKeyId: '',
    issuedAt: '2026-01-01',
  };
  const kubeconfigs = [{ ...issued, expires: '2030-01-01' }];
  writeFileSync(join(cluster, 'kubeconfigs.json'), JSON.stringify({ version: 1, kubeconfigs }));
  await run();
  await run({ limit: 'cp-1', json: true });
  rmSync(join(cluster, 'kubeconfigs.json'));
  expect(asked.map(({ limit }) => limit && [...limit])).toEqual([undefined, ['cp-1']]);
  expect(asked[0]?.issued).toEqual(kubeconfigs);
});

test.each([['soon'], ['0d'], ['-3d'], ['30']])('--within %s is refused before anything is asked', async (within) => {
  await expect(run({ within, inventory: '/nowhere' })).rejects.toMatchObject({ code: 'USAGE' });
});

test('a limit that fits no host, and a file that cannot be written', async () => {
  await expect(run({ limit: 'nobody' })).rejects.toMatchObject({ code: 'USAGE' });
  await expect(run({ prometheus: join(home, 'no', 'folder') })).rejects.toMatchObject({ code: 'USAGE' });
});

test.each<[string, CertificateRow[], CertificateRow[], number]>([
  ['all is well', [row()], [], 0],
  ['a disagreement', [row(), wrong], [], EXIT_CODES.DISAGREE],
  ['a host that refuses the key', [row(), unseen('AUTH'), unseen('AUTH')], [], EXIT_CODES.AUTH],
  ['hosts that fail for several reasons', [unseen('AUTH'), unseen('CONNECT')], [], EXIT_CODES.HOSTS],
  ['a disagreement counts more than what was not seen', [wrong, unseen('CONNECT')], [], EXIT_CODES.DISAGREE],
  ['an end that nears counts most', [wrong, unseen('CONNECT')], [row()], EXIT_CODES.EXPIRING],
])('exit code: %s', (_, all, ending, expected) => {
  expect(listExitCode(all, ending)).toBe(expected);
});

import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readIssued, recordIssued } from '../../../src/pki/kubeconfigLedger.ts';
import type { IssuedUser } from '../../../src/pki/userCertificate.ts';
import { DAY, NOW, temporaryDirectory } from './samples.ts';

const directory = temporaryDirectory();
let files = 0;
const newFile = (): string => join(directory, 'clusters', String((files += 1)), 'kubeconfigs.json');

const issued = (name: string, expires: number): IssuedUser => ({
  name,
  groups: ['dev'],
  serial: '0A',
  fingerprint: 'AA:BB',
  authorityKeyId: 'cc',
  issuedAt: new Date(expires - DAY).toISOString(),
  expires: new Date(expires).toISOString(),
});
const namesIn = (file: string): string[] => readIssued(file).map(({ name }) => name);

test('what is recorded is read again, in its order; the same name twice is twice there', async () => {
  const file = newFile();
  expect(readIssued(file)).toEqual([]);
  const [first, second] = [issued('alice', NOW + DAY), issued('alice', NOW + 2 * DAY)];
  await recordIssued(file, first, NOW);
  await recordIssued(file, second, NOW);
  expect(readIssued(file)).toEqual([first, second]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ version: 1, kubeconfigs: [first, second] });
});

test('those that expired more than 90 days ago go with the next record, and not before', async () => {
  const file = newFile();
  await recordIssued(file, issued('old', NOW), NOW - DAY);
  await recordIssued(file, issued('later', NOW + 1), NOW - DAY);
  expect(namesIn(file)).toEqual(['old', 'later']);
  await recordIssued(file, issued('new', NOW + 100 * DAY), NOW + 90 * DAY);
  expect(namesIn(file)).toEqual(['later', 'new']);
});

test('of many at once none is lost', async () => {
  const file = newFile();
  const names = Array.from({ length: 10 }, (_, index) => `user-${index}`);
  await Promise.all(names.map((name) => recordIssued(file, issued(name, NOW + DAY), NOW)));
  expect(namesIn(file).toSorted()).toEqual(names);
});

test.each<[string, string]>([
  ['{"version":1,"kubeconfigs":[', 'is damaged'],
  ['null', 'is damaged'],
  ['{"version":1,"kubeconfigs":[{"name":"alice"}]}', 'is damaged'],
  ['{"version":1,"kubeconfigs":[null]}', 'is damaged'],
  ['{"version":2,"kubeconfigs":[]}', 'is of a later kbin'],
])('%s is neither read nor written over', async (text, message) => {
  const file = newFile();
  await recordIssued(file, issued('alice', NOW + DAY), NOW);
  writeFileSync(file, text);
  expect(() => readIssued(file)).toThrow(message);
  await expect(recordIssued(file, issued('bob', NOW + DAY), NOW)).rejects.toThrow(message);
  expect(readFileSync(file, 'utf8')).toBe(text);
});

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Journal } from '../../../src/commands/record.ts';

const home = mkdtempSync(join(tmpdir(), 'kbin-record-'));
const before = process.env['KBIN_HOME'];
beforeAll(() => (process.env['KBIN_HOME'] = home));
afterAll(() => {
  if (before === undefined) delete process.env['KBIN_HOME'];
  else process.env['KBIN_HOME'] = before;
  rmSync(home, { recursive: true });
});

const folderOf = (cluster: string): string => join(home, 'clusters', cluster, 'runs');

/** Journals of earlier runs, the first the oldest. */
function earlierRuns(cluster: string, count: number): string[] {
  const names = Array.from({ length: count }, (_, index) => `20260101T${String(index).padStart(6, '0')}-abcdef.ndjson`);
  mkdirSync(folderOf(cluster), { recursive: true });
  for (const [index, name] of names.entries()) {
    writeFileSync(join(folderOf(cluster), name), '');
    utimesSync(join(folderOf(cluster), name), 1_000_000 + index, 1_000_000 + index);
  }
  return names;
}

test('the end of a run leaves the newest hundred journals, its own among them', () => {
  const names = earlierRuns('many', 120);
  writeFileSync(join(folderOf('many'), 'notes.txt'), 'mine');
  // Begun first of all, and still written by another kbin.
  utimesSync(join(folderOf('many'), names[0]!), new Date(), new Date());
  const journal = new Journal('many', '20260102T000000-000000');
  journal.add({ type: 'warning', message: 'w', at: 1 });
  expect(readdirSync(folderOf('many'))).toHaveLength(122);
  expect(journal.close()).toBeUndefined();
  expect(readdirSync(folderOf('many')).toSorted()).toEqual([
    names[0],
    ...names.slice(-98),
    '20260102T000000-000000.ndjson',
    'notes.txt',
  ]);
  expect(readFileSync(join(folderOf('many'), '20260102T000000-000000.ndjson'), 'utf8')).toContain('"message":"w"');
});

test('its own journal stays, however old its last line is', () => {
  const names = earlierRuns('slow', 100);
  const journal = new Journal('slow', '20250101T000000-000000');
  const own = join(folderOf('slow'), '20250101T000000-000000.ndjson');
  utimesSync(own, 1, 1);
  journal.close();
  expect(existsSync(own)).toBe(true);
  expect(existsSync(join(folderOf('slow'), names[0]!))).toBe(false);
  expect(readdirSync(folderOf('slow'))).toHaveLength(100);
});

test('what cannot be deleted is told and fails nothing', () => {
  const journal = new Journal('stuck', '20260102T000000-000000');
  // A folder that cannot be listed, for root neither.
  renameSync(folderOf('stuck'), join(home, 'elsewhere'));
  writeFileSync(folderOf('stuck'), '');
  journal.add({ type: 'warning', message: 'w', at: 1 });
  expect(journal.close()).toMatch(/^Old runs cannot be deleted: .*ENOTDIR/);
});

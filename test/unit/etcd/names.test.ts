import { snapshotFile, snapshotName } from '../../../src/etcd/names.ts';

const AT = Date.parse('2026-11-20T13:05:09.123Z');
const NAME = 'prod-1-20261120T130509Z-4711';
const told = { name: NAME, cluster: 'prod-1', takenAt: AT - 123 };

test('a name tells cluster, second and revision', () => {
  expect(snapshotName('prod-1', AT, 4711)).toBe(NAME);
});

test.each([
  ['.json', true],
  ['.db', false],
  ['.db.gz', false],
  ['.db.zst', false],
  ['.db.age', false],
  ['.db.zst.age', false],
  ['.pki.age', false],
])('%s is a file of a snapshot', (suffix, isManifest) => {
  expect(snapshotFile(`${NAME}${suffix}`)).toEqual({ ...told, isManifest });
});

test.each([
  NAME,
  `${NAME}.txt`,
  `${NAME}.db.xz`,
  `${NAME}.json.gz`,
  `.${NAME}.db`,
  'prod.json',
  'prod-20261120T130509Z.json',
  'Prod-20261120T130509Z-1.json',
  'prod-20261120T130509-1.json',
  'prod-20260230T130509Z-1.json',
  'prod-20261120T250509Z-1.json',
  'prod-20261120T130509Z-01.json',
  '-20261120T130509Z-1.json.json',
])('%s is none', (file) => {
  expect(snapshotFile(file)).toBeUndefined();
});

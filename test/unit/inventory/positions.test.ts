import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { dump } from 'js-yaml';
import type { Complaint, Path } from '../../../src/inventory/fault.ts';
import { positionAt, readYaml } from '../../../src/inventory/positions.ts';

const TEXT = `# comment
a: 1
b:
  - x: "q"
    y:
  - {z: [1, 2], w: !!str 5}
c: |
  text
? k
: v
"quoted key": 'single'
deep:
  deeper:
    deepest: true
`;

function placeOf(text: string, path: Path, at: Complaint['at']): string {
  const source = readYaml(text);
  if ('message' in source) throw new Error(source.message);
  const { line, column } = source.positionOf(path, at);
  return `${line}:${column}`;
}

const cases: [Path, string, string][] = [
  [['a'], '2:1', '2:4'],
  [['b'], '3:1', '4:3'],
  [['b', 0], '4:5', '4:5'],
  [['b', 0, 'x'], '4:5', '4:8'],
  // An empty value stands where its key does.
  [['b', 0, 'y'], '5:5', '5:5'],
  [['b', 1], '6:5', '6:5'],
  [['b', 1, 'z'], '6:6', '6:9'],
  [['b', 1, 'z', 1], '6:13', '6:13'],
  [['b', 1, 'w'], '6:17', '6:26'],
  [['c'], '7:1', '8:1'],
  [['k'], '9:3', '10:3'],
  [['quoted key'], '11:1', '11:15'],
  [['deep', 'deeper', 'deepest'], '14:5', '14:14'],
];

test.each(cases)('%j: the key stands at %s and its value at %s', (path, key, value) => {
  expect(placeOf(TEXT, path, 'key')).toBe(key);
  expect(placeOf(TEXT, path, 'value')).toBe(value);
});

test('what is missing stands where its nearest parent does', () => {
  expect(placeOf(TEXT, ['deep', 'deeper', 'missing'], 'value')).toBe('13:3');
  expect(placeOf(TEXT, ['b', 7, 'x'], 'value')).toBe('3:1');
  expect(placeOf(TEXT, ['missing'], 'value')).toBe('2:1');
});

test('lines end with LF, CR or both', () => {
  expect(placeOf('a: 1\r\nb: 2\r\n', ['b'], 'value')).toBe('2:4');
  expect(positionAt('a\rb\nc\r\nd', 7)).toEqual({ line: 4, column: 1 });
});

test('only values without quotes have a plain text', () => {
  const source = readYaml(`a: 0644\nb: "0644"\nc: [0x1F]\n`);
  if ('message' in source) throw new Error(source.message);
  expect(source.plainTextOf(['a'])).toBe('0644');
  expect(source.plainTextOf(['b'])).toBeUndefined();
  expect(source.plainTextOf(['c', 0])).toBe('0x1F');
  expect(source.plainTextOf(['c'])).toBeUndefined();
});

/** Paths of every value of a tree. */
const pathsOf = (value: unknown, path: Path = []): Path[] =>
  typeof value !== 'object' || value === null
    ? [path]
    : Object.entries(value).flatMap(([key, item]) =>
        pathsOf(item, [...path, Array.isArray(value) ? Number(key) : key]),
      );

const key = fc.string({ minLength: 1, maxLength: 8 }).filter((word) => word !== '__proto__');
const tree = fc.letrec((tie) => ({
  node: fc.oneof({ depthSize: 'small' }, fc.string(), fc.integer(), tie('list'), tie('mapping')),
  list: fc.array(tie('node'), { maxLength: 3 }),
  mapping: fc.dictionary(key, tie('node'), { maxKeys: 3 }),
})).mapping;

test('whatever is written, every value has a place of its own and the value read is the value written', () => {
  fc.assert(
    fc.property(tree, fc.boolean(), (value, flow) => {
      const text = dump(value, flow ? { flowLevel: 0 } : {});
      const source = readYaml(text);
      if ('message' in source) throw new Error(`${source.message} in ${JSON.stringify(text)}`);
      expect(JSON.stringify(source.value)).toBe(JSON.stringify(value));
      const paths = pathsOf(value).filter((path) => path.length > 0);
      const places = paths.map((path) => JSON.stringify(source.positionOf(path, 'value')));
      expect(new Set(places).size).toBe(paths.length);
    }),
    { numRuns: 200 },
  );
});

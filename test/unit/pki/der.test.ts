import { elementsIn, integer, readElement, text, toDer } from '../../../src/pki/der.ts';

test.each([
  ['00', '020100'],
  ['0000', '020100'],
  ['7f', '02017f'],
  ['80', '02020080'],
  ['0080', '02020080'],
  ['000001', '020101'],
])('the number %s is %s', (bytes, der) => {
  expect(toDer(integer(Buffer.from(bytes, 'hex'))).toString('hex')).toBe(der);
});

test('names are printable where they can be and UTF-8 otherwise', () => {
  expect(toDer(text('system:node:a-1')).at(0)).toBe(0x13);
  expect(toDer(text('a@b'))).toEqual(Buffer.from('0c03614062', 'hex'));
  expect(toDer(text('ä'))).toEqual(Buffer.from('0c02c3a4', 'hex'));
});

test.each([
  ['nothing', ''],
  ['a tag alone', '30'],
  ['a length without contents', '3003'],
  ['half of the contents', '300301'],
  ['half of a length', '308200'],
  ['a length of five bytes', '30850000000001'],
  ['an open length, which only BER has', `3080${'00'.repeat(200)}`],
])('%s is refused', (_, hex) => {
  expect(() => readElement(Buffer.from(hex, 'hex'))).toThrow(/DER/);
});

test('elements are read one behind the other, with long lengths', () => {
  const long = Buffer.concat([Buffer.from('04820100', 'hex'), Buffer.alloc(256, 7)]);
  const elements = elementsIn(Buffer.concat([Buffer.from('0201050500', 'hex'), long]));
  expect(elements.map(({ tag, contents }) => [tag, contents.length])).toEqual([
    [2, 1],
    [5, 0],
    [4, 256],
  ]);
  expect(elements[2]?.whole).toEqual(long);
});

import { elementsIn, integer, readElement, readTime, text, time, toDer } from '../../../src/pki/der.ts';

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

test.each([
  '1950-01-01T00:00:00Z',
  '1999-12-31T23:59:59Z',
  '2049-12-31T23:59:59Z',
  '2050-01-01T00:00:00Z',
  '9999-12-31T23:59:59Z',
])('the time %s is read as it was written', (moment) => {
  expect(readTime(readElement(toDer(time(Date.parse(moment) + 999))))).toBe(Date.parse(moment));
});

test('a time of another form is none', () => {
  expect(readTime({ tag: 0x17, contents: Buffer.from('2611201200Z'), whole: Buffer.alloc(0) })).toBeNaN();
});

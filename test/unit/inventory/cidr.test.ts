import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  addressAt,
  contains,
  formatAddress,
  formatCidr,
  overlaps,
  parseAddress,
  parseCidr,
  sizeOf,
  type Cidr,
} from '../../../src/inventory/cidr.ts';

const cidr = (text: string): Cidr => {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(`${text} is no network`);
  return parsed.cidr;
};

test.each([
  ['10.96.0.0/16', 10, '10.96.0.10'],
  ['10.96.0.0/12', 1, '10.96.0.1'],
  ['10.0.0.250/28', 10, '10.0.0.250'],
  ['10.0.0.0/24', 256, '10.0.1.0'],
  ['fd00::/112', 10, 'fd00::a'],
  ['fd00:0:0:1::/64', 65536, 'fd00::1:0:0:1:0'],
])('address %#: of %s, the one at %d is %s', (text, index, address) => {
  expect(addressAt(cidr(text), index)).toBe(address);
});

test.each([
  ['::', '::'],
  ['::1', '::1'],
  ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['::ffff:10.0.0.1', '::ffff:a00:1'],
  ['fe80::', 'fe80::'],
  ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
])('%s is written %s (RFC 5952)', (text, canonical) => {
  const address = parseAddress(text);
  expect(address === undefined ? undefined : formatAddress(address)).toBe(canonical);
});

test.each(['10.0.0', '10.0.0.256', '010.0.0.1', '10.0.0.1/24', 'fe80::1%eth0', 'a.b.c.d', '', '1.2.3.4.5', ':::'])(
  '%s is no address',
  (text) => {
    expect(parseAddress(text)).toBeUndefined();
  },
);

test.each(['10.0.0.0', '10.0.0.0/33', '10.0.0.0/08', '10.0.0.0/-1', 'fd00::/129', '/8', '10.0.0.0/8/8', '10.0.0.0/ 8'])(
  '%s is no network',
  (text) => {
    expect(parseCidr(text)).toBeUndefined();
  },
);

test.each([
  ['10.244.0.0/16', '10.96.0.0/16', false],
  ['10.0.0.0/8', '10.96.0.0/16', true],
  ['10.96.0.0/16', '10.0.0.0/8', true],
  ['10.96.0.0/16', '10.97.0.0/16', false],
  ['0.0.0.0/0', '192.168.1.0/24', true],
  ['fd00::/8', '10.0.0.0/8', false],
  ['fd00::/64', 'fd00::1:0/112', true],
])('%s and %s overlap: %s', (a, b, expected) => {
  expect(overlaps(cidr(a), cidr(b))).toBe(expected);
  expect(overlaps(cidr(b), cidr(a))).toBe(expected);
});

const address4 = fc.bigInt({ min: 0n, max: (1n << 32n) - 1n });
const address6 = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n });

test('every address survives writing and reading', () => {
  fc.assert(
    fc.property(address4, (value) => {
      expect(parseAddress(formatAddress({ family: 4, value }))).toEqual({ family: 4, value });
    }),
  );
  fc.assert(
    fc.property(address6, (value) => {
      expect(parseAddress(formatAddress({ family: 6, value }))).toEqual({ family: 6, value });
    }),
  );
});

test('a network holds exactly its addresses, and overlaps what shares one', () => {
  fc.assert(
    fc.property(address4, fc.integer({ min: 0, max: 32 }), address4, (value, prefix, other) => {
      const network = cidr(`${formatAddress({ family: 4, value })}/${prefix}`);
      const end = network.value + sizeOf(network);
      expect(contains(network, { family: 4, value })).toBe(true);
      expect(contains(network, { family: 4, value: other })).toBe(other >= network.value && other < end);
      expect(contains(network, { family: 4, value: end })).toBe(false);
      expect(overlaps(network, { family: 4, value: other, prefix: 32 })).toBe(
        contains(network, { family: 4, value: other }),
      );
      expect(cidr(formatCidr(network))).toEqual(network);
    }),
  );
});

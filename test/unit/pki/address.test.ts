import fc from 'fast-check';
import { addressBytes, addressText, canonicalAddress } from '../../../src/pki/address.ts';

test.each([
  ['10.0.0.11', '10.0.0.11', '0a00000b'],
  ['::', '::', '00'.repeat(16)],
  ['::1', '::1', `${'00'.repeat(15)}01`],
  ['0:0:0:0:0:0:0:1', '::1', `${'00'.repeat(15)}01`],
  ['FD00::0031', 'fd00::31', `fd00${'00'.repeat(13)}31`],
  ['2001:db8::', '2001:db8::', `20010db8${'00'.repeat(12)}`],
  ['::ffff:10.0.0.1', '::ffff:a00:1', `${'00'.repeat(10)}ffff0a000001`],
])('%s is %s, in bytes %s', (address, canonical, bytes) => {
  expect(canonicalAddress(address)).toBe(canonical);
  expect(addressBytes(address).toString('hex')).toBe(bytes);
});

test('bytes give back the canonical form of any address', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
      expect(addressText(addressBytes(address))).toBe(canonicalAddress(address));
    }),
  );
});

test('a name has no bytes', () => {
  expect(() => addressBytes('cp-1')).toThrow('"cp-1" is not an IP address');
});

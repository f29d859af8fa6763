import fc from 'fast-check';
import { altNamesNode, readAltNames } from '../../../src/pki/altNames.ts';
import { elementsIn, type Node, readElement, sequence, toDer } from '../../../src/pki/der.ts';
import {
  basicConstraints,
  hasKeyUsage,
  type KeyUsageBit,
  keyUsage,
  readBasicConstraints,
  readExtensions,
} from '../../../src/pki/extensions.ts';
import { ATTRIBUTES, nameNode, readName } from '../../../src/pki/names.ts';

const only = (node: Node) => [...readExtensions(toDer(sequence(node))).values()][0]!;

const BITS: readonly KeyUsageBit[] = [
  'digitalSignature',
  'contentCommitment',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
];

test('any key usage comes back, critical and as short as DER wants it', () => {
  fc.assert(
    fc.property(fc.subarray([...BITS], { minLength: 1 }), (bits) => {
      const { isCritical, value } = only(keyUsage(bits));
      expect(isCritical).toBe(true);
      expect(BITS.filter((bit) => hasKeyUsage(value, bit))).toEqual(bits);
      const { contents } = readElement(value);
      const [unused = 0, last = 0] = [contents[0], contents.at(-1)];
      // The last bit that is written is one that is set.
      expect((last >> unused) & 1).toBe(1);
    }),
  );
});

test.each([[undefined], [{}], [{ pathLength: 0 }], [{ pathLength: 1 }], [{ pathLength: 200 }]])(
  'basic constraints %j come back',
  (authority) => {
    const { isCritical, value } = only(basicConstraints(authority));
    expect(isCritical).toBe(true);
    expect(readBasicConstraints(value)).toEqual(authority);
  },
);

test('any alternative names come back', () => {
  const word = fc.stringMatching(/^[\x21-\x7e]{1,300}$/);
  fc.assert(
    fc.property(fc.array(word), fc.array(word), fc.array(fc.ipV4()), fc.array(word), (dns, email, ip, uri) => {
      const names = { dns, email, ip, uri };
      expect(readAltNames(toDer(altNamesNode(names)))).toEqual(names);
    }),
  );
});

test.each([[{ dns: ['ä.b'] }], [{ uri: ['http://a b'] }], [{ email: [''] }], [{ ip: ['10.0.0'] }]])(
  'names that cannot be written are an error: %j',
  (names) => {
    expect(() => altNamesNode({ dns: [], email: [], ip: [], uri: [], ...names })).toThrow();
  },
);

test('any name comes back, with the members of a part in the order of their bytes', () => {
  const type = fc.constantFrom(...Object.values(ATTRIBUTES).filter((oid) => oid !== ATTRIBUTES.E));
  const attribute = fc.record({ type, value: fc.string({ minLength: 1, unit: 'grapheme' }) });
  fc.assert(
    fc.property(fc.array(fc.array(attribute, { minLength: 1, maxLength: 3 }), { maxLength: 5 }), (name) => {
      const bytes = toDer(nameNode(name));
      const text = (part: { type: string; value: string }[]): string[] => part.map((own) => JSON.stringify(own)).sort();
      expect(readName(bytes).map((part) => text([...part]))).toEqual(name.map(text));
      for (const part of elementsIn(readElement(bytes).contents)) {
        const members = elementsIn(part.contents).map(({ whole }) => whole);
        expect(members).toEqual([...members].sort((a, b) => Buffer.compare(a, b)));
      }
    }),
  );
});

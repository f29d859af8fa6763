import * as der from './der.ts';

/** One attribute of a name: its object identifier, dotted, and its value. */
export interface Attribute {
  type: string;
  value: string;
}

/** A distinguished name: its parts in order, each of one attribute or of several that stand side by side. */
export type Name = readonly (readonly Attribute[])[];

/** Attributes by the short names of X.509. */
export const ATTRIBUTES = {
  CN: '2.5.4.3',
  serialNumber: '2.5.4.5',
  C: '2.5.4.6',
  L: '2.5.4.7',
  ST: '2.5.4.8',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  E: '1.2.840.113549.1.9.1',
} as const;

/** A name with each attribute a part of its own. */
export const nameOf = (attributes: readonly Attribute[]): Name => attributes.map((attribute) => [attribute]);

/** All values of one attribute, in order. */
export const valuesOf = (name: Name, type: string): string[] =>
  name.flat().flatMap((attribute) => (attribute.type === type ? [attribute.value] : []));

// RFC 5280 4.1.2.6: a mail address is an IA5String; everything else is written as Go writes it.
const valueNode = ({ type, value }: Attribute): der.Node => (type === ATTRIBUTES.E ? der.ia5(value) : der.text(value));

export const nameNode = (name: Name): der.Node =>
  der.sequence(
    ...name.map((part) =>
      der.setOf(part.map((attribute) => der.sequence(der.oid(attribute.type), valueNode(attribute)))),
    ),
  );

/** Universal types of text that are not UTF-8, which covers ASCII too. */
const ENCODINGS: Partial<Record<number, (contents: Buffer) => string>> = {
  0x14: (contents) => contents.toString('latin1'),
  0x1e: (contents) => new TextDecoder('utf-16be').decode(contents),
};

/** The name in these bytes. Throws an Error when they hold none. */
export function readName(bytes: Buffer): Name {
  const parts = der.elementsIn(der.readElement(bytes).contents);
  return parts.map((part) =>
    der.elementsIn(part.contents).map((attribute) => {
      const [type, value] = der.elementsIn(attribute.contents);
      if (type === undefined || value === undefined) throw new Error('the name has an attribute without a value');
      const decode = ENCODINGS[value.tag] ?? ((contents: Buffer) => contents.toString('utf8'));
      return { type: der.dotted(type.contents), value: decode(value.contents) };
    }),
  );
}

import * as der from '../der.ts';
import { EXTENSIONS, extension } from '../extensions.ts';
import { shown } from './faults.ts';
import type { Fields } from './fields.ts';
import { isObjectIdentifier } from './objectIdentifier.ts';

/** A certificate policy with its qualifiers (RFC 5280 4.2.1.4). */
export interface Policy {
  /** Dotted. */
  id: string;
  qualifiers: { type: QualifierType; value: string }[];
}

/** Qualifiers by cfssl's names: their identifier, and what they say. */
const QUALIFIERS = {
  'id-qt-cps': (value: string) => [der.oid('1.3.6.1.5.5.7.2.1'), der.ia5(value)],
  'id-qt-unotice': (value: string) => [der.oid('1.3.6.1.5.5.7.2.2'), der.sequence(der.utf8(value))],
} as const;

type QualifierType = keyof typeof QUALIFIERS;
const TYPES = Object.keys(QUALIFIERS) as QualifierType[];

/** The `policies` of a signing profile. */
export const policiesIn = (fields: Fields): Policy[] =>
  fields.children('policies').map((policy) => {
    const id = policy.text('ID') ?? '';
    if (!isObjectIdentifier(id))
      policy.fault('ID', `${shown(id)} is no object identifier. Write such as 1.3.6.1.4.1.5.`);
    const qualifiers = policy.children('Qualifiers').flatMap((qualifier) => {
      const [name, value = ''] = [qualifier.text('Type'), qualifier.text('Value')];
      const type = TYPES.find((known) => known === name);
      if (type === undefined) qualifier.fault('Type', `${shown(name)} is no type. Write ${TYPES.join(' or ')}.`);
      if (type === 'id-qt-cps' && !/^[\x21-\x7e]+$/.test(value))
        qualifier.fault('Value', `${shown(value)} is no address in ASCII.`);
      qualifier.finish();
      return type === undefined ? [] : [{ type, value }];
    });
    policy.finish();
    return { id, qualifiers };
  });

/** The extension that names these policies; none without policies. */
export function policyExtension(policies: readonly Policy[]): der.Node[] {
  if (policies.length === 0) return [];
  const information = policies.map(({ id, qualifiers }) => {
    const nodes = qualifiers.map(({ type, value }) => der.sequence(...QUALIFIERS[type](value)));
    return der.sequence(der.oid(id), ...(nodes.length === 0 ? [] : [der.sequence(...nodes)]));
  });
  return [extension(EXTENSIONS.policies, der.sequence(...information))];
}

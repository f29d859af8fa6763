import type { z } from 'zod';
import { describePath, type Complaint, type Fault } from './fault.ts';
import { complaintsOf, without, type Sound } from './issues.ts';
import { readYaml, type SyntaxFault } from './positions.ts';

/** A file in a format of Kubernetes' own: its schema, and rules between the values that are sound. */
export interface DocumentKind<Schema extends z.ZodType> {
  schema: Schema;
  rules: (value: Sound<z.output<Schema>>) => Complaint[];
}

/** What is wrong with the text, in the order of its lines; positions are those in this text. */
export function documentFaults<Schema extends z.ZodType>(text: string, kind: DocumentKind<Schema>): Fault[] {
  const source = readYaml(text);
  if ('message' in source) return [{ ...syntaxFault(source), path: '' }];
  const formal = [...source.complaints, ...complaintsOf(kind.schema.safeParse(source.value).error?.issues ?? [])];
  const paths = formal.map(({ path }) => path);
  const sound = (without(source.value, paths) ?? {}) as Sound<z.output<Schema>>;
  return [...formal, ...kind.rules(sound)]
    .map(({ path, at, message, fix }) => ({ ...source.positionOf(path, at), path: describePath(path), message, fix }))
    .sort((a, b) => a.line - b.line || a.column - b.column);
}

/** What a text without faults holds. */
export function documentIn<Schema extends z.ZodType>(text: string, schema: Schema): z.output<Schema> {
  const source = readYaml(text);
  if ('message' in source) throw new Error('the checks let a file pass that is not YAML');
  return schema.parse(source.value);
}

/** readYaml's words are about inventories. */
function syntaxFault({ line, column, message, fix }: SyntaxFault): Omit<Fault, 'path'> {
  if (message.startsWith('YAML:')) return { line, column, message, fix };
  if (message.startsWith('YAML ')) return { line, column, message, fix: 'Write the value out.' };
  return { line, column, message: 'it does not hold exactly one YAML document.', fix: 'Keep one.' };
}

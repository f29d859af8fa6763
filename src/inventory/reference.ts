import { describedSchema, type JsonSchema } from './schema.ts';

/** docs/reference.md: the schema as tables for readers. */

const INTRODUCTION = `# Inventory reference

Made from the schema by \`node dist/inventory/generate.js\`; do not edit. [reference.yaml](../inventory/reference.yaml)
shows every key in use, and [schema.json](../inventory/schema.json) serves editors: with the YAML language server, write
\`# yaml-language-server: $schema=schema.json\` as the first line of an inventory.

Where a key can stand at several levels, the cluster's value is overridden by the pool's and that by the host's, key by
key. Secrets never stand in the file: \`…Env\` names an environment variable, \`…File\` a file that holds one.
`;

interface Section {
  title: string;
  schema: JsonSchema;
}

const anchor = (title: string): string => title.toLowerCase().replace(/[^a-z0-9-]/g, '');
const link = (title: string): string => `[${title}](#${anchor(title)})`;
const cell = (text: string): string => text.replace(/\|/g, '\\|').replace(/\n/g, ' ');
const code = (value: unknown): string => `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;

/** Name of the definition that a schema refers to. */
const referred = (schema: JsonSchema): string | undefined =>
  (schema.$ref ?? schema.allOf?.[0]?.$ref)?.replace('#/definitions/', '');

const article = (text: string): string => text.replace(/^an? /, '');

/** What to write, in words. `place` is the path of the key, under which nested keys have a section. */
function kind(schema: JsonSchema, place: string): string {
  const name = referred(schema);
  if (name !== undefined) return link(name);
  if (schema.const !== undefined) return code(schema.const);
  if (schema.enum !== undefined) {
    return schema.enum.length > 12 ? 'text' : schema.enum.map((word) => code(word)).join(', ');
  }
  const options = schema.anyOf ?? schema.oneOf;
  if (options !== undefined) {
    if (options.some(({ properties }) => properties !== undefined)) return link(place);
    return options.map((option) => kind(option, place)).join(', ');
  }
  if (schema.type === 'integer') return integer(schema);
  if (schema.type === 'array') return `list of ${article(kind(schema.items ?? {}, place))}`;
  if (schema.properties !== undefined) return link(place);
  if (schema.type === 'object') return mapping(schema, place);
  return TYPES[schema.type ?? ''] ?? 'anything';
}

const TYPES: Readonly<Record<string, string>> = { string: 'text', boolean: '`true`, `false`', null: '`null`' };

function integer({ minimum = -Infinity, maximum = Infinity }: JsonSchema): string {
  return Number.isSafeInteger(minimum - 1) && Number.isSafeInteger(maximum + 1)
    ? `${minimum}–${maximum}`
    : 'whole number';
}

function mapping({ additionalProperties, propertyNames }: JsonSchema, place: string): string {
  const keys = propertyNames?.enum === undefined ? 'names' : 'directives';
  return typeof additionalProperties === 'object' && Object.keys(additionalProperties).length > 0
    ? `${keys} with ${kind(additionalProperties, place)}`
    : 'mapping';
}

function row(key: string, schema: JsonSchema, { place, isRequired }: { place: string; isRequired: boolean }): string {
  const preset = schema.otherwise ?? (schema.default === undefined ? '' : code(schema.default));
  const examples = (schema.examples ?? []).map(code).join(', ');
  const about = `${schema.description ?? ''}${examples === '' ? '' : ` Such as ${examples}.`}`;
  const cells = [`\`${key}\``, kind(schema, place), isRequired ? '**required**' : preset, about];
  return `| ${cells.map(cell).join(' | ')} |`;
}

function table(section: Section): string {
  const { properties = {}, required = [] } = section.schema;
  const rows = Object.entries(properties).map(([key, schema]) =>
    row(key, schema, { place: placeOf(section, key), isRequired: required.includes(key) }),
  );
  return ['| key | value | default | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

const placeOf = ({ title }: Section, key: string): string => (title === ROOT ? key : `${title}.${key}`);
const ROOT = 'The file';

/** A section and those of the mappings nested in it. */
function sections(section: Section): Section[] {
  const nested = Object.entries(section.schema.properties ?? {}).flatMap(([key, schema]) => {
    const own = { title: placeOf(section, key), schema };
    if (schema.properties !== undefined) return sections(own);
    const shapes = schema.oneOf?.filter(({ properties }) => properties !== undefined) ?? [];
    return shapes.length === 0 ? [] : [{ ...own, schema: { ...schema, oneOf: shapes } }];
  });
  return [section, ...nested];
}

function sectionText(section: Section): string {
  const { title, schema } = section;
  const shapes = schema.oneOf ?? [schema];
  const tables = shapes.map((shape) => table({ title, schema: shape })).join('\n\nor\n\n');
  const about = schema.description === undefined ? '' : `${schema.description}\n\n`;
  return `## ${title}\n\n${about}${tables}\n`;
}

function directives(schema: JsonSchema): string {
  const names = schema.definitions?.['Override']?.properties?.['resources']?.propertyNames?.enum ?? [];
  const list = names.map((name) => `\`${name}\``).join(', ');
  return `## Resource directives\n\nWhat \`resources\` takes, see systemd.resource-control(5) and systemd.exec(5): ${list}.\n`;
}

/** The whole page. */
export function inventoryReference(): string {
  const schema = describedSchema();
  const all = [
    ...sections({ title: ROOT, schema }),
    ...Object.entries(schema.definitions ?? {}).flatMap(([title, definition]) =>
      sections({ title, schema: definition }),
    ),
  ];
  return [INTRODUCTION, ...all.map(sectionText), directives(schema)].join('\n');
}

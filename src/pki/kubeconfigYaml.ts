import {
  binaryTag,
  boolYaml11Tag,
  COLLECTION_STYLE,
  type Document,
  eventsToAst,
  FAILSAFE_SCHEMA,
  floatYaml11Tag,
  intYaml11Tag,
  load,
  type MappingNode,
  mapTag,
  mergeTag,
  type Node,
  nullYaml11Tag,
  parseEvents,
  present,
  SCALAR_STYLE,
  Schema,
  seqTag,
  strTag,
  visit,
  YAMLException,
} from 'js-yaml';
import { KbinError } from '../errors.ts';

/** Text, lists and mappings of text: all that kbin writes into a kubeconfig. */
export type Value = string | readonly Value[] | { readonly [key: string]: Value | undefined };

/**
 * How kubectl reads YAML 1.1 (sigs.k8s.io/yaml, goyaml.v2): dates are text there.
 */
const AS_KUBECTL = new Schema([
  ...[strTag, nullYaml11Tag, boolYaml11Tag, intYaml11Tag, floatYaml11Tag, mergeTag, binaryTag],
  ...[seqTag, mapTag],
]);

/** One YAML document: its value, and its nodes, which keep the spelling of every scalar. */
export interface Yaml {
  value: unknown;
  document: Document;
}

/** Throws USAGE with file, line and column for a text that is not one YAML document. */
export function parseYaml(text: string, file: string): Yaml {
  try {
    const events = parseEvents(text, {});
    const documents = eventsToAst(events, { source: text, schema: FAILSAFE_SCHEMA });
    if (documents.length > 1) throw notOne(file, documents.length);
    const [document] = documents;
    if (document === undefined) return { value: null, document: { contents: null, directives: [] } };
    return { value: load(text, { schema: AS_KUBECTL }), document };
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const { line = 0, column = 0 } = error.mark ?? {};
    throw new KbinError('USAGE', `${file}:${line + 1}:${column + 1} is broken YAML: ${error.reason}`, {
      hint: 'Look at the indentation and the quotes there. Nothing was changed.',
    });
  }
}

const notOne = (file: string, count: number): KbinError =>
  new KbinError('USAGE', `${file} holds ${count} YAML documents; kubectl reads the first one only`, {
    hint: 'Leave one of them in it. Nothing was changed.',
  });

/** The text of a document. What was written in flow style, as JSON is, becomes block style. */
export function yamlText(document: Document): string {
  const { contents } = document;
  if (contents?.kind === 'mapping' && contents.style === COLLECTION_STYLE.FLOW) {
    visit([document], (node) => {
      if (node.kind === 'mapping' || node.kind === 'sequence') node.style = COLLECTION_STYLE.BLOCK;
    });
  }
  return present([document], { schema: FAILSAFE_SCHEMA, lineWidth: -1, seqNoIndent: true });
}

/** Words that YAML 1.1 does not read as text. */
const WORDS = /^(?:y|n|yes|no|on|off|true|false|null)$/i;
const PLAIN = /^[A-Za-z](?:[A-Za-z0-9._@/+=-]|:(?!$))*$/;

const scalar = (value: string): Node => ({
  kind: 'scalar',
  tag: 'tag:yaml.org,2002:str',
  tagged: false,
  style: PLAIN.test(value) && !WORDS.test(value) ? SCALAR_STYLE.PLAIN : SCALAR_STYLE.DOUBLE_QUOTED,
  value,
});

export function nodeOf(value: Value): Node {
  if (typeof value === 'string') return scalar(value);
  const common = { tagged: false, style: COLLECTION_STYLE.BLOCK };
  if (isList(value)) return { ...common, kind: 'sequence', tag: 'tag:yaml.org,2002:seq', items: value.map(nodeOf) };
  const items = Object.entries(value).flatMap(([key, inner]) =>
    inner === undefined ? [] : [{ key: scalar(key), value: nodeOf(inner) }],
  );
  return { ...common, kind: 'mapping', tag: 'tag:yaml.org,2002:map', items };
}

const isList = (value: Value): value is readonly Value[] => Array.isArray(value);

export const childOf = (mapping: MappingNode, key: string): Node | undefined =>
  mapping.items.find((item) => item.key.kind === 'scalar' && item.key.value === key)?.value;

/** Gives a key its value, in its place when it is there already. */
export function setChild(mapping: MappingNode, key: string, value: Node): void {
  const item = mapping.items.find((own) => own.key.kind === 'scalar' && own.key.value === key);
  if (item === undefined) mapping.items.push({ key: scalar(key), value });
  else item.value = value;
}

import { COLLECTION_STYLE, type MappingNode, type Node, type SequenceNode } from 'js-yaml';
import { KbinError } from '../errors.ts';
import { childOf, nodeOf, parseYaml, setChild, type Value, type Yaml, yamlText } from './kubeconfigYaml.ts';

/** The lists of a kubeconfig, with the key under which an entry of each has its fields. */
const LISTS = { clusters: 'cluster', users: 'user', contexts: 'context' } as const;
export type ListName = keyof typeof LISTS;

export interface Entry {
  name: string;
  fields: Readonly<Record<string, unknown>>;
}

export interface Change {
  fields: Readonly<Record<string, Value>>;
  /** Which other fields of an entry that is there already go: all of them, or those that are named. */
  gone: 'all' | readonly string[];
  /** Gets its place among the extensions of the entry. */
  extension?: { readonly name: string; readonly extension: Value };
}

/**
 * A kubeconfig that can be changed in single entries. Everything else keeps its value, its spelling and its order;
 * comments are lost. Source of the form: k8s.io/client-go, tools/clientcmd/api/v1/types.go.
 */
export class KubeconfigDocument {
  readonly #file: string;
  readonly #yaml: Yaml;
  readonly #root: MappingNode;

  /** Throws USAGE, with file, line and column where it is broken, for a text that is no kubeconfig; an empty one is. */
  constructor(text: string, file: string) {
    this.#file = file;
    this.#yaml = parseYaml(text, file);
    checkKind(this.#yaml.value, file);
    const { document } = this.#yaml;
    if (document.contents?.kind !== 'mapping' || document.contents.items.length === 0) {
      document.contents = nodeOf({ apiVersion: 'v1', kind: 'Config' });
    }
    this.#root = document.contents as MappingNode;
    for (const list of Object.keys(LISTS) as ListName[]) this.#checkList(list);
  }

  /** Null where there is none. */
  get currentContext(): string | null {
    const current = recordOf(this.#yaml.value)['current-context'];
    return typeof current === 'string' && current !== '' ? current : null;
  }

  use(context: string): void {
    setChild(this.#root, 'current-context', nodeOf(context));
  }

  /** As the text had them; what was put since then is not among them. */
  entries(list: ListName): Entry[] {
    return this.#items(list).map((item) => {
      const { name, [LISTS[list]]: fields } = recordOf(item);
      return { name: typeof name === 'string' ? name : '', fields: recordOf(fields) };
    });
  }

  find = (list: ListName, name: string): Entry | undefined => this.entries(list).find((entry) => entry.name === name);

  /** Adds an entry, or changes the one of that name. */
  put(list: ListName, name: string, { fields, gone, extension }: Change): void {
    const sequence = this.#sequence(list);
    const index = this.entries(list).findIndex((entry) => entry.name === name);
    const own = sequence.items[index];
    const entry = own?.kind === 'mapping' ? own : (nodeOf({ name }) as MappingNode);
    const before = childOf(entry, LISTS[list]);
    const made = nodeOf(fields) as MappingNode;
    if (gone !== 'all' && before?.kind === 'mapping') {
      made.items.push(...keptOf(before, [...Object.keys(fields), ...gone]));
    }
    if (extension !== undefined) extend(made, extension);
    setChild(entry, LISTS[list], made);
    entry.style = COLLECTION_STYLE.BLOCK;
    if (own === undefined) sequence.items.push(entry);
    else sequence.items[index] = entry;
  }

  /** Throws USAGE when an alias elsewhere stands for something that was replaced. */
  toString(): string {
    const text = yamlText(this.#yaml.document);
    try {
      parseYaml(text, this.#file);
    } catch (cause) {
      throw new KbinError('USAGE', `${this.#file} uses YAML anchors in an entry that would be replaced`, {
        hint: 'Write out what its aliases stand for. Nothing was changed.',
        cause,
      });
    }
    return text;
  }

  #items(list: ListName): unknown[] {
    const items = recordOf(this.#yaml.value)[list];
    return Array.isArray(items) ? items : [];
  }

  #checkList(list: ListName): void {
    const value = recordOf(this.#yaml.value)[list] ?? null;
    const node = childOf(this.#root, list);
    const isPlainList = Array.isArray(value) && node?.kind === 'sequence';
    const names = this.entries(list).map(({ name }) => name);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if ((isPlainList || value === null) && twice === undefined) return;
    const what =
      twice === undefined ? `${list} is no list that stands there itself` : `two ${list} are called "${twice}"`;
    throw new KbinError('USAGE', `${this.#file}: ${what}`, {
      hint: 'kubectl config view tells what kubectl makes of the file. Nothing was changed.',
    });
  }

  #sequence(list: ListName): SequenceNode {
    const node = childOf(this.#root, list);
    if (node?.kind === 'sequence') {
      if (node.items.length === 0) node.style = COLLECTION_STYLE.BLOCK;
      return node;
    }
    const made = nodeOf([]) as SequenceNode;
    setChild(this.#root, list, made);
    return made;
  }
}

function extend(fields: MappingNode, extension: { readonly name: string; readonly extension: Value }): void {
  const before = childOf(fields, 'extensions');
  const others = (before?.kind === 'sequence' ? before.items : []).filter((item) => nameIn(item) !== extension.name);
  const made = nodeOf([]) as SequenceNode;
  made.items.push(...others, nodeOf(extension));
  setChild(fields, 'extensions', made);
}

function nameIn(item: Node): string | undefined {
  const name = item.kind === 'mapping' ? childOf(item, 'name') : undefined;
  return name?.kind === 'scalar' ? name.value : undefined;
}

const keptOf = (inner: MappingNode, gone: readonly string[]): { key: Node; value: Node }[] =>
  inner.items.filter(({ key }) => key.kind !== 'scalar' || !gone.includes(key.value));

export const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};

const KEYS = ['apiVersion', 'kind', 'preferences', 'current-context', 'extensions', ...Object.keys(LISTS)];

/** An inventory or a manifest that is named by mistake must not become a kubeconfig. */
function checkKind(value: unknown, file: string): void {
  const { apiVersion, kind } = recordOf(value);
  const keys = Object.keys(recordOf(value));
  const isMapping = value === null || (typeof value === 'object' && !Array.isArray(value));
  const isKubeconfig = keys.length === 0 || keys.some((key) => KEYS.includes(key));
  if (isMapping && isKubeconfig && isOr(apiVersion, 'v1') && isOr(kind, 'Config')) return;
  throw new KbinError('USAGE', `${file} is no kubeconfig (apiVersion v1, kind Config)`, {
    hint: 'Name another file. Nothing was changed.',
  });
}

/** kubectl takes the one for granted where nothing is said. */
const isOr = (value: unknown, one: string): boolean => [undefined, null, '', one].includes(value as string);

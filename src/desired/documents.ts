import { dump } from 'js-yaml';
import { stringify } from 'smol-toml';
import type { Json, JsonObject } from '../model/inventory.ts';

const HEADER = '# Written by kbin. Changes belong in the inventory: the next deploy replaces this file.\n';

/** Keys that a reader looks for first. */
const FIRST = ['apiVersion', 'kind', 'metadata', 'version', 'name'];
const rank = (key: string): number => (FIRST.includes(key) ? FIRST.indexOf(key) : FIRST.length);
const byKey = (a: string, b: string): number => rank(a) - rank(b) || (a < b ? -1 : 1);

/** The same value with every object's keys in one order, so that a moved line in the inventory changes no file. */
function ordered(value: Json): Json {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => byKey(a, b))
      .map(([key, inner]) => [key, ordered(inner)]),
  );
}

export interface Writer {
  /** YAML that readers of YAML 1.1 (Kubernetes) and 1.2 understand alike. */
  yaml: (document: JsonObject) => string;
  toml: (document: JsonObject) => string;
  json: (document: JsonObject) => string;
}

/** The same text for the same document: most files are alike on all hosts, and writing them is what takes the time. */
function remembering(write: (document: JsonObject) => string): (document: JsonObject) => string {
  const texts = new Map<string, string>();
  return (document) => {
    const key = JSON.stringify(document);
    const text = texts.get(key) ?? write(document);
    texts.set(key, text);
    return text;
  };
}

/** Turns structures into the text of configuration files, with their keys in one order. */
export const writer = (): Writer => ({
  yaml: remembering((document) => HEADER + dump(ordered(document), { noRefs: true, lineWidth: -1 })),
  toml: remembering((document) => `${HEADER}\n${stringify(ordered(document))}`),
  json: remembering((document) => `${JSON.stringify(ordered(document), null, 2)}\n`),
});

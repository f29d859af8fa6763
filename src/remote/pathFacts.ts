import type { PathFact } from '../model/facts.ts';
import { malformed } from './answer.ts';
import { absolutePath } from './allowed.ts';

const TYPES: Readonly<Record<number, PathFact['type']>> = { 0o4: 'directory', 0o10: 'file', 0o12: 'link' };

const ESCAPES: Readonly<Record<string, number>> = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11 };

/** A string in C's quotes, as GNU tools write it with QUOTING_STYLE=c, and what follows it. */
function readQuoted(text: string): { value: string; rest: string } {
  const bytes: number[] = [];
  let at = 1;
  for (;;) {
    const token = /^(?:"|\\([0-7]{3})|\\(.)|[^"\\]+)/.exec(text.slice(at));
    if (token === null) return malformed('a quoted name', text);
    at += token[0].length;
    const [whole, octal, letter] = token;
    if (whole === '"') break;
    if (octal !== undefined) bytes.push(parseInt(octal, 8));
    else if (letter !== undefined) bytes.push(ESCAPES[letter] ?? letter.charCodeAt(0));
    else bytes.push(...Buffer.from(whole));
  }
  return { value: Buffer.from(bytes).toString(), rest: text.slice(at) };
}

/** stat's %N: `"path" -> "target"` from GNU tools, `'path' -> 'target'` or a bare path from busybox. */
function readName(text: string): { path: string; target?: string } {
  if (text.startsWith('"')) {
    const path = readQuoted(text);
    if (path.rest === '') return { path: path.value };
    const target = path.rest.startsWith(' -> "') ? readQuoted(path.rest.slice(4)) : malformed('a link', text);
    return target.rest === '' ? { path: path.value, target: target.value } : malformed('a link', text);
  }
  const link = /^'(.*?)' -> '(.*)'$/.exec(text);
  if (link !== null) return { path: link[1] ?? '', target: link[2] ?? '' };
  return { path: text.startsWith("'") ? text.slice(1, -1) : text };
}

function readPath(line: string): [string, PathFact] {
  const match = /^p\|([0-9a-f]+)\|(\d+)\|([^|]*)\|(.*)$/.exec(line);
  if (match === null) return malformed('a path with its mode, size and owner', line);
  const [, hex = '', size = '', owner = '', name = ''] = match;
  const bits = parseInt(hex, 16);
  const { path, target } = readName(name);
  const type = TYPES[bits >> 12] ?? 'other';
  // busybox prints targets as they are; the size of a link tells whether this one came through whole.
  if (type === 'link' && Buffer.byteLength(target ?? '') !== Number(size))
    return malformed(`${size} bytes of target`, line);
  const mode = (bits & 0o7777).toString(8).padStart(4, '0');
  return [absolutePath(path), { type, mode, owner, ...(type === 'link' ? { target: target ?? '' } : {}) }];
}

/** A line of sha256sum; GNU's starts with a backslash when the name is escaped. */
function readHash(line: string): [string, string] {
  const match = /^(\\?)([0-9a-f]{64}) [ *](.+)$/.exec(line);
  if (match === null) return malformed('a line of sha256sum', line);
  const [, escaped, digest = '', name = ''] = match;
  return [absolutePath(escaped === '\\' ? name.replaceAll('\\\\', '\\') : name), digest];
}

export interface PathLines {
  /** Of stat. */
  stats: readonly string[];
  /** Of stat again, for what links to directories lead to. */
  behind: readonly string[];
  /** Of sha256sum. */
  hashes: readonly string[];
}

/** Facts of the paths that exist. A file that could not be read, or vanished meanwhile, has no hash. Throws STEP. */
export function pathFacts({ stats, behind, hashes }: PathLines): Record<string, PathFact> {
  const digests = new Map(hashes.map(readHash));
  const directories = new Map(behind.map(readPath));
  return Object.fromEntries(
    stats.map(readPath).map(([path, fact]) => {
      const [sha256, directory] = [digests.get(path), directories.get(path)];
      if (fact.type === 'file' && sha256 !== undefined) return [path, { ...fact, sha256 }];
      if (fact.type !== 'link' || directory === undefined) return [path, fact];
      return [path, { ...fact, behind: { mode: directory.mode, owner: directory.owner } }];
    }),
  );
}

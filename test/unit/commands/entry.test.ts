import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from '../../../src/commands/command.ts';
import { type Entry, loadAll, loadMeant } from '../../../src/commands/entry.ts';
import { ENTRIES } from '../../../src/commands/index.ts';
import { wordsOf } from '../../../src/commands/tree.ts';
import { packageRoot } from '../../../src/paths.ts';

test('every entry has the words of its command, and no two have the same', async () => {
  const commands = await loadAll(ENTRIES);
  const words = ENTRIES.map((entry) => entry.words);
  expect(commands.map((command) => wordsOf(command).join(' '))).toEqual(words);
  expect(new Set(words).size).toBe(words.length);
});

/** Which entries are loaded for a command line. */
async function loadedFor(line: string): Promise<string[]> {
  const loaded: string[] = [];
  const entry = (words: string): Entry => ({
    words,
    load: async () => {
      loaded.push(words);
      return { usage: words } as Command;
    },
  });
  const entries = ['init', 'kubeconfig', 'kubeconfig issue', 'cache import', 'cache list', 'exec'].map(entry);
  const commands = await loadMeant(entries, line.split(' ').filter(Boolean));
  expect(commands.map(({ usage }) => usage)).toEqual(loaded);
  return loaded;
}

const ALL = ['init', 'kubeconfig', 'kubeconfig issue', 'cache import', 'cache list', 'exec'];

test.each<[string, string[]]>([
  ['exec -i prod.yaml -- cache list', ['exec']],
  ['cache list', ['cache list']],
  ['cache list --help', ['cache list']],
  ['cache --help', ['cache import', 'cache list']],
  ['cache lst', ['cache import', 'cache list']],
  ['cache', ['cache import', 'cache list']],
  ['kubeconfig', ['kubeconfig', 'kubeconfig issue']],
  ['kubeconfig -i prod.yaml issue alice', ['kubeconfig', 'kubeconfig issue']],
  ['kubeconfig issue alice', ['kubeconfig issue']],
  ['--version', []],
  ['', ALL],
  ['--help', ALL],
  ['-i prod.yaml exec', ALL],
  ['exce', ALL],
])('for "%s" no more is loaded than it can mean', async (line, words) => {
  expect(await loadedFor(line)).toEqual(words);
});

const IMPORT = /^(?:import|export) (?!type )(?:[^'"]*? from )?'(?<name>[^']+)';$/gms;

/** All that loading a file loads with it: files below src/, and names of packages. */
function loadedWith(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  const text = readFileSync(join(packageRoot(), 'src', file), 'utf8');
  for (const { groups } of text.matchAll(IMPORT)) {
    const name = groups!['name']!;
    if (name.startsWith('.')) loadedWith(join(file, '..', name), seen);
    else seen.add(name);
  }
  return seen;
}

const isHeavy = (name: string): boolean =>
  /^(?:engine|pki|ssh|desired|plan|remote|cache)\//.test(name) || !/^node:|\.ts$|^yargs$/.test(name);

test('what every command line loads holds no command, nothing that commands do, and no package but that of the command line', () => {
  const loaded = [...loadedWith('cli.ts')];
  expect(loaded.filter(isHeavy)).toEqual([]);
  expect(loaded.filter((name) => name.startsWith('commands/')).sort()).toEqual([
    'commands/certs/index.ts',
    'commands/entry.ts',
    'commands/etcd/index.ts',
    'commands/etcd/words.ts',
    'commands/index.ts',
    'commands/kubeconfig/index.ts',
    'commands/token/index.ts',
    'commands/tree.ts',
  ]);
  // That the same way of looking finds it where it is.
  expect([...loadedWith('commands/deploy.ts')]).toEqual(expect.arrayContaining(['engine/deploy.ts', 'zod', 'ssh2']));
});

test('checking an inventory loads neither connections nor certificates', () => {
  const loaded = [...loadedWith('commands/validate.ts')];
  expect(loaded.filter((name) => /^(?:engine|ssh|ui)\/|^(?:ssh2|listr2|handlebars)$/.test(name))).toEqual([]);
});

import { readdirSync, readFileSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadAll } from '../../../src/commands/entry.ts';
import { ENTRIES } from '../../../src/commands/index.ts';
import { EXIT_CODES } from '../../../src/errors.ts';
import { packageRoot } from '../../../src/paths.ts';

const COMMANDS = await loadAll(ENTRIES);

const root = packageRoot();
const text = (file: string): string => readFileSync(join(root, file), 'utf8');
const documents = [
  'README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join('docs', file)),
];

test('docs/exit-codes.md lists every family with its code, and no other', () => {
  const rows = [...text('docs/exit-codes.md').matchAll(/^\| (\d+) \| ([A-Z_]+) \|/gm)].map(([, code, family]) => [family, Number(code)]);
  expect(Object.fromEntries(rows)).toEqual(EXIT_CODES);
});

test('every command stands in the README or the guide', () => {
  const all = documents.map(text).join('\n');
  for (const { usage } of COMMANDS) expect(all).toContain(`kbin ${usage.replace(/ [<[].*/, '')}`);
});

test.each(documents)('links of %s lead somewhere', (file) => {
  const links = [...text(file).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, link]) => link!).filter((link) => !/^[a-z]+:/.test(link));
  for (const link of links) expect([link, existsSync(join(root, dirname(file), link))]).toEqual([link, true]);
});

test('every option that the documents name exists', () => {
  const known = new Set(COMMANDS.flatMap(({ options }) => Object.keys(options)));
  const kbin = documents.flatMap((file) => [...text(file).matchAll(/^\s*kbin [a-z][^\n|]*/gm)].map(([line]) => line));
  for (const line of kbin) {
    for (const [, option] of line.split(' -- ')[0]!.matchAll(/ --([a-z][a-z-]*)/g)) {
      expect([line, known.has(option!) || ['help', 'version'].includes(option!)]).toEqual([line, true]);
    }
  }
});

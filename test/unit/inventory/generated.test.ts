import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { generatedFiles } from '../../../src/inventory/generate.ts';
import { repository } from './inventories.ts';

test.each(Object.entries(generatedFiles()))(
  '%s is what the schema makes; otherwise: npm run build && node dist/inventory/generate.js',
  (path, text) => {
    expect(readFileSync(repository(path), 'utf8')).toBe(text);
  },
);

test('the reference names the keys, what to write, the default and what is required', () => {
  const page = generatedFiles()['docs/reference.md'] ?? '';
  expect(page).toContain('| `proxyMode` | `nftables`, `iptables` | `nftables` |');
  expect(page).toContain('| `name` | text | **required** |');
  expect(page).toContain('| `method` | `none`, `sudo` | none for the user root, sudo otherwise |');
  expect(page).toContain('`MemoryMax`');
});

test('every link of the reference has a heading', () => {
  const page = generatedFiles()['docs/reference.md'] ?? '';
  const headings = [...page.matchAll(/^## (.+)$/gm)].map(([, title = '']) =>
    title.toLowerCase().replace(/[^a-z0-9-]/g, ''),
  );
  const links = [...page.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor = '']) => anchor);
  expect(links.length).toBeGreaterThan(20);
  expect(links.filter((anchor) => !headings.includes(anchor))).toEqual([]);
});

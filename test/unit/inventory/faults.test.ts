import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { faultLine } from '../../../src/inventory/fault.ts';
import { inventoryIn } from '../../../src/inventory/parse.ts';
import type { World } from '../../../src/inventory/world.ts';
import { repository } from './inventories.ts';

/** Each case is NAME.yaml and, beside it, NAME.faults with the lines that kbin prints. */
const FOLDER = repository('test/fixtures/inventory/faults/');
const WORLD: World = {
  environment: { HOME: '/home/op', KBIN_SET: 'secret', KBIN_EMPTY: '' },
  folder: '/etc/kbin',
  readSecret: (path) => ({ reason: `the file ${path} cannot be read: there is no such file` }),
};

const names = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.yaml'))
  .map((file) => file.replace('.yaml', ''));

test.each(names)('%s: every fault is told, with its place and what to write', (name) => {
  const file = `${name}.yaml`;
  const text = readFileSync(`${FOLDER}${file}`, 'utf8');
  const parsed = inventoryIn({ file: `/etc/kbin/${file}`, text }, WORLD);
  const lines = 'faults' in parsed ? parsed.faults.map((fault) => `${faultLine(file, fault)}\n`).join('') : 'none\n';
  expect(lines).toBe(readFileSync(`${FOLDER}${name}.faults`, 'utf8'));
});

test('there is no list of faults without its inventory, nor an empty one', () => {
  const lists = readdirSync(FOLDER).filter((file) => file.endsWith('.faults'));
  expect(lists.map((file) => file.replace('.faults', ''))).toEqual(names);
  for (const list of lists) expect(readFileSync(`${FOLDER}${list}`, 'utf8')).toContain(':');
});

test('every fault is two sentences: what is wrong, and what to write', () => {
  for (const name of names) {
    for (const line of readFileSync(`${FOLDER}${name}.faults`, 'utf8').trimEnd().split('\n')) {
      expect(line).toMatch(/^[^\s:]+\.yaml:\d+:\d+ .+[.?] [A-Z].*[.?]$|lists what can stand here\.$/);
    }
  }
});

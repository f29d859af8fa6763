import { branchesOf, positionalsOf, wordsOf } from '../../../src/commands/tree.ts';
import type { Command } from '../../../src/commands/command.ts';

const command = (usage: string): Command => ({ usage, describe: usage, options: {}, run: async () => 0 });

test('commands are grouped by their first word; a bare word among them is its own command', () => {
  const usages = ['init [file]', 'cache import <folder>', 'kubeconfig', 'kubeconfig issue <name>', 'cache list'];
  const branches = branchesOf(usages.map(command));
  expect(branches.map(({ word, own, members }) => [word, own?.usage, [...members.keys()]])).toEqual([
    ['init', 'init [file]', []],
    ['cache', undefined, ['import', 'list']],
    ['kubeconfig', 'kubeconfig', ['issue']],
  ]);
});

test('words and positionals of a usage', () => {
  expect(wordsOf(command('cache import <folder>'))).toEqual(['cache', 'import']);
  expect(positionalsOf(command('exec [command..]'))).toEqual(['command']);
  expect(positionalsOf(command('kubeconfig'))).toEqual([]);
});

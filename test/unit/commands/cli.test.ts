import { jest } from '@jest/globals';
import type { Arguments, Command, Option } from '../../../src/commands/command.ts';
import { wordsOf } from '../../../src/commands/tree.ts';
import { printed } from './printed.ts';

const ran: { usage: string; args: Arguments }[] = [];
const command = (usage: string, options: Record<string, Option> = {}): Command => ({
  usage,
  describe: `what ${usage} does`,
  options: { inventory: { type: 'string', alias: 'i', describe: 'inventory file', required: true }, ...options },
  run: async (args) => {
    ran.push({ usage, args });
    return 4;
  },
});

const text = (describe: string): Option => ({ type: 'string', describe });
const COMMANDS = [
  command('kubeconfig', { output: text('file to write') }),
  command('kubeconfig issue <name>', { group: text('group'), merge: text('file') }),
  command('kubeconfig list'),
  command('cache import <folder>'),
  command('cache list'),
  command('exec [command..]'),
];

jest.unstable_mockModule('../../../src/commands/index.ts', () => ({
  ENTRIES: COMMANDS.map((one) => ({ words: wordsOf(one).join(' '), load: () => Promise.resolve(one) })),
}));

beforeEach(() => ran.splice(0));

/** Runs the command line in this process: what it printed, and its exit code. */
async function kbin(...words: string[]): Promise<{ out: string; err: string; exitCode: unknown }> {
  const before = { argv: process.argv, exitCode: process.exitCode };
  process.argv = ['node', 'kbin', ...words];
  process.exitCode = 0;
  jest.resetModules();
  try {
    const { out, err } = await printed(() => import('../../../src/cli.ts'));
    return { out, err, exitCode: process.exitCode };
  } finally {
    process.argv = before.argv;
    process.exitCode = before.exitCode;
  }
}

test('--help of a word that does something and has commands shows its commands and its options', async () => {
  const { out, exitCode } = await kbin('kubeconfig', '--help');
  expect(out).toMatch(/kbin kubeconfig .*\[default\]/);
  expect(out).toContain('kbin kubeconfig issue <name>');
  expect(out).toContain('kbin kubeconfig list');
  expect(out).toContain('--output');
  expect(out).not.toContain('--group');
  expect(exitCode).toBe(0);
});

test('--help of a command below it shows the options of that one, and --help alone every first word once', async () => {
  const { out } = await kbin('kubeconfig', 'issue', '--help');
  expect(out).toContain('--group');
  expect(out).not.toContain('--output');
  const { out: all } = await kbin('--help');
  const words = [...all.matchAll(/^ {2}kbin (.+?) {2}/gm)].map(([, word]) => word);
  expect(words).toEqual(['kubeconfig', 'cache', 'exec [command..]']);
  expect(all).toContain('what kubeconfig does; issue, list');
});

test.each<[string[], string]>([
  [['kubeconfig', 'isue', 'alice'], 'kbin kubeconfig has no command "isue".\nDid you mean issue?'],
  [['kubeconfig', 'lst', '-i', 'prod.yaml'], 'kbin kubeconfig has no command "lst".\nDid you mean list?'],
  [['kubeconfig', '-i', 'prod.yaml', 'something'], 'has no command "something".\nWrite issue or list.'],
  [['kubecnfig'], 'Did you mean kubeconfig?'],
  [['cache', 'lst'], 'Did you mean list?'],
  [['cache'], 'kbin cache needs one of: import, list.'],
  [['kubeconfig'], 'Missing required argument: inventory.'],
  [['kubeconfig', '-i', 'prod.yaml', '--group', 'dev'], 'Unknown argument: group.'],
  [['kubeconfig', 'issue', 'alice', '-i', 'prod.yaml', '-o', 'x'], 'Unknown argument: o.'],
  [['kubeconfig', 'list', '-i', 'prod.yaml', 'alice'], 'Unknown argument: alice.'],
  [['kubeconfig', 'issue', '-i', 'prod.yaml'], 'Not enough non-option arguments'],
])('kbin %j is refused', async (words, message) => {
  const { out, err, exitCode } = await kbin(...words);
  expect(err).toContain(message);
  expect(out).toBe('');
  expect(exitCode).toBe(2);
  expect(ran).toEqual([]);
});

test.each<[string[], string]>([
  [['kubeconfig', '-i', 'prod.yaml', '--output', 'file'], 'kubeconfig'],
  [['kubeconfig', 'issue', 'alice', '-i', 'prod.yaml'], 'kubeconfig issue <name>'],
  [['kubeconfig', '-i', 'prod.yaml', 'issue', 'alice'], 'kubeconfig issue <name>'],
  [['kubeconfig', 'list', '-i', 'prod.yaml'], 'kubeconfig list'],
  [['cache', 'list', '-i', 'prod.yaml'], 'cache list'],
])('kbin %j runs one command', async (words, usage) => {
  expect((await kbin(...words)).exitCode).toBe(4);
  expect(ran.map((one) => one.usage)).toEqual([usage]);
});

test('an option with an optional value, one that is repeated, and words that look like numbers', async () => {
  await kbin('kubeconfig', 'issue', '1e3', '-i', 'prod.yaml', '--group', '1', '--group', '0x2', '--merge');
  expect(ran[0]?.args).toMatchObject({ name: '1e3', group: ['1', '0x2'], merge: '' });
  await kbin('exec', '-i', 'prod.yaml', 'sleep', '0x10');
  expect(ran[1]?.args).toMatchObject({ command: ['sleep', '0x10'] });
});

import { spawnSync } from 'node:child_process';
import { loadAll } from '../../../src/commands/entry.ts';
import { ENTRIES } from '../../../src/commands/index.ts';

const COMMANDS = await loadAll(ENTRIES);

async function script(shell: string): Promise<string> {
  const completion = COMMANDS.find((command) => command.usage.startsWith('completion'));
  let text = '';
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = (chunk: string | Uint8Array) => {
    text += String(chunk);
    return true;
  };
  try {
    await completion?.run({ shell });
  } finally {
    process.stdout.write = write;
  }
  return text;
}

const complete = async (...words: string[]): Promise<string[]> => {
  const line = words.map((word) => `'${word}'`).join(' ');
  const program = `${await script('bash')}\nCOMP_WORDS=(kbin ${line}); COMP_CWORD=${words.length}; _kbin; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return spawnSync('bash', ['-c', program]).stdout.toString().split('\n').filter(Boolean);
};

test('bash completes commands, commands of a group, and options of the command that stands there', async () => {
  expect(await complete('de')).toEqual(['deploy']);
  expect(await complete('cache', '')).toEqual(['import', 'list', 'verify']);
  expect(await complete('deploy', '--max')).toEqual(['--max-fail']);
  expect(await complete('cache', 'import', '--re')).toEqual(['--replace']);
  expect(await complete('validate', '--max')).toEqual([]);
});

test('bash completes a word that does something and has commands as both', async () => {
  expect(await complete('kubec')).toEqual(['kubeconfig']);
  expect(await complete('kubeconfig', '')).toEqual(['issue', 'list']);
  expect(await complete('kubeconfig', '--out')).toEqual(['--output']);
  expect(await complete('kubeconfig', '-i', 'prod.yaml', '--na')).toEqual(['--namespace']);
  expect(await complete('kubeconfig', '-i', 'prod.yaml', '--gr')).toEqual([]);
  expect(await complete('kubeconfig', 'issue', 'alice', '--gr')).toEqual(['--group']);
  expect(await complete('kubeconfig', 'list', '--')).toEqual(['--inventory', '--json', '--help']);
});

test('fish tells the options of a bare word from those of its commands', async () => {
  const lines = (await script('fish')).split('\n');
  const whenOf = (start: string) => lines.filter((line) => line.includes(start)).map((line) => line.split("'")[1]);
  expect(whenOf('-a issue ')).toEqual([
    '__fish_seen_subcommand_from kubeconfig; and not __fish_seen_subcommand_from issue list',
  ]);
  expect(whenOf('-l allow-masters ')).toEqual([
    '__fish_seen_subcommand_from kubeconfig; and __fish_seen_subcommand_from issue',
  ]);
  expect(whenOf('-a kubeconfig ')).toEqual(['__fish_use_subcommand']);
  expect(whenOf('-a cache ')).toEqual(['__fish_use_subcommand']);
});

test.each(['bash', 'zsh', 'fish'])('every command occurs in the script for %s', async (shell) => {
  const text = await script(shell);
  for (const { usage } of COMMANDS.slice(0, -1)) expect(text).toContain(usage.split(' ')[0]);
});

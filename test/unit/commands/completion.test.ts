import { spawnSync } from 'node:child_process';
import { COMMANDS } from '../../../src/commands/index.ts';

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

test.each(['bash', 'zsh', 'fish'])('every command occurs in the script for %s', async (shell) => {
  const text = await script(shell);
  for (const { usage } of COMMANDS.slice(0, -1)) expect(text).toContain(usage.split(' ')[0]);
});

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import {
  directiveLine,
  environmentFileLine,
  environmentLine,
  execLines,
  execWord,
} from '../../../src/desired/systemd.ts';

const NASTY = `50% $HOME \${A} "q" 'q' back\\slash ; # ü \\n %% $$`;

/** What systemd does with one ExecStart= word or Environment= assignment: quotes, escapes, specifiers, variables. */
function readBack(text: string, variables: boolean): string {
  const inner = /^"(.*)"$/.exec(text)?.[1] ?? text;
  const unescaped = inner.replaceAll(/\\(.)/g, (_all, next: string) => {
    if (next !== '"' && next !== '\\') throw new Error(`escape \\${next} means something else`);
    return next;
  });
  const rest = unescaped.replaceAll('%%', '');
  if (rest.includes('%')) throw new Error('a specifier is left');
  const plain = unescaped.replaceAll('%%', '%');
  if (!variables) return plain;
  if (plain.replaceAll('$$', '').includes('$')) throw new Error('a variable is left');
  return plain.replaceAll('$$', '$');
}

describe('a word of a command line', () => {
  test('stays as it is when it needs no quotes', () => {
    expect(execWord('--etcd-servers=https://10.0.0.1:2379,https://[fd00::1]:2379')).toBe(
      '--etcd-servers=https://10.0.0.1:2379,https://[fd00::1]:2379',
    );
    expect(execWord('--a=b,c:/d@e_f-1.0+x')).toBe('--a=b,c:/d@e_f-1.0+x');
  });

  test.each([NASTY, '', ' ', '%i', '$1', ';', '"', "'", '\\', 'a\\', 'a b', '--x=${Y}', '*', '#no comment'])(
    'comes back as %j',
    (word) => {
      expect(readBack(execWord(word), true)).toBe(word);
    },
  );

  test.each(['a\nb', 'a\r', 'a\tb', 'a\u0000b', '\u007f'])('with a control character is refused: %j', (word) => {
    expect(() => execWord(word)).toThrow(expect.objectContaining({ code: 'INVENTORY' }));
  });

  test('stands on a line of its own', () => {
    expect(execLines(['/bin/a', '--b=c', '--d=e f'])).toBe('/bin/a \\\n  --b=c \\\n  "--d=e f"');
  });
});

describe('an environment variable', () => {
  test('keeps its dollar signs, because Environment= has no variables', () => {
    expect(environmentLine('A', '$B')).toBe('Environment="A=$B"');
  });

  test('comes back', () => {
    expect(readBack(environmentLine('A', NASTY).slice('Environment='.length), false)).toBe(`A=${NASTY}`);
  });

  test.each(['1A', 'A-B', '', 'A=B', 'A B'])('cannot be called %j', (name) => {
    expect(() => environmentLine(name, 'x')).toThrow(expect.objectContaining({ code: 'INVENTORY' }));
  });

  test('of an environment file is quoted as a shell would read it', () => {
    const line = environmentFileLine('A', NASTY);
    expect(execFileSync('sh', ['-c', `${line}\nprintf %s "$A"`], { encoding: 'utf8' })).toBe(NASTY);
  });

  test('with a line break is refused', () => {
    expect(() => environmentLine('A', 'x\nUser=root')).toThrow(expect.objectContaining({ code: 'INVENTORY' }));
    expect(() => environmentFileLine('A', 'x\nB=c')).toThrow(expect.objectContaining({ code: 'INVENTORY' }));
  });
});

describe('a resource directive', () => {
  test('keeps its percent sign: CPUQuota takes no specifiers', () => {
    expect(directiveLine('CPUQuota', '50%')).toBe('CPUQuota=50%');
  });

  test.each([
    ['MemoryMax', '1G\nExecStartPre=/bin/x'],
    ['MemoryMax', '1G\\'],
    ['Memory Max', '1G'],
    ['[Install]', 'x'],
    ['', 'x'],
  ])('is refused as %j=%j', (name, value) => {
    expect(() => directiveLine(name, value)).toThrow(expect.objectContaining({ code: 'INVENTORY' }));
  });
});

const hasAnalyze = spawnSync('systemd-analyze', ['--version']).status === 0;

(hasAnalyze ? test : test.skip)('systemd itself reads the nasty words without complaint', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kbin-unit-'));
  try {
    const unit = join(folder, 'nasty.service');
    const lines = [
      '[Service]',
      `ExecStart=${execLines(['/bin/echo', NASTY, '', ';', 'a\\'])}`,
      environmentLine('A', NASTY),
      directiveLine('CPUQuota', '50%'),
    ];
    writeFileSync(unit, `${lines.join('\n')}\n`);
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

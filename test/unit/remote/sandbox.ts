import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import type { Output } from '../../../src/model/ports.ts';

export const has = (program: string): boolean =>
  (process.env['PATH'] ?? '').split(':').some((directory) => existsSync(join(directory, program)));

/** The shells that every script must run in. busybox brings its own tools, which shadow those of the machine. */
export const SHELLS: { name: string; argv: string[] }[] = [
  { name: 'sh', argv: ['sh'] },
  ...(has('busybox') ? [{ name: 'busybox sh', argv: ['busybox', 'sh'] }] : []),
  ...(has('bash') ? [{ name: 'bash as sh', argv: ['bash'] }] : []),
];
export const ONLY_SH = SHELLS.slice(0, 1);

/** Owner of what the test writes: changing it to oneself needs no root. */
export const OWNER = `${userInfo().username}:${execFileSync('id', ['-gn'], { encoding: 'utf8' }).trim()}`;
export const isRoot = userInfo().uid === 0;

interface RunOptions {
  shell?: readonly string[];
  input?: Buffer | string;
  env?: Record<string, string>;
}

/** A directory that scripts take for `/`, and a directory of fakes ahead of PATH. */
export class Sandbox {
  readonly root = mkdtempSync(join(tmpdir(), 'kbin-remote-'));
  readonly bin = mkdtempSync(join(tmpdir(), 'kbin-bin-'));

  at(path: string): string {
    return join(this.root, path);
  }

  mode(path: string): string {
    return (statSync(this.at(path)).mode & 0o7777).toString(8).padStart(4, '0');
  }

  write(path: string, content: string | Buffer, mode = 0o644): void {
    mkdirSync(dirname(this.at(path)), { recursive: true });
    writeFileSync(this.at(path), content, { mode });
  }

  read(path: string): string {
    return readFileSync(this.at(path), 'utf8');
  }

  has(path: string): boolean {
    return existsSync(this.at(path));
  }

  list(path: string): string[] {
    return existsSync(this.at(path)) ? readdirSync(this.at(path)).sort() : [];
  }

  /** A program ahead of all others; `$KBIN_ROOT` is there for it to look at. */
  fake(name: string, script: string): void {
    writeFileSync(join(this.bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(this.bin, name), 0o755);
  }

  /** A fake that only writes down its arguments, in `/calls`. */
  recorder(name: string, script = ''): void {
    this.fake(name, `printf '%s\\n' "${name} $*" >>"$KBIN_ROOT/calls"\n${script}`);
  }

  calls(): string[] {
    return this.has('calls') ? this.read('calls').trim().split('\n') : [];
  }

  spawn(script: string, { shell = ['sh'], env = {} }: RunOptions = {}): ChildProcess {
    const [program = 'sh', ...words] = shell;
    // Scripts start `sh` themselves.
    if (program === 'bash' && !existsSync(join(this.bin, 'sh'))) symlinkSync('/bin/bash', join(this.bin, 'sh'));
    return spawn(program, [...words, '-c', script], {
      detached: true,
      // bash is a POSIX shell, and reads no .bashrc, only under this name.
      ...(program === 'bash' ? { argv0: 'sh' } : {}),
      env: { PATH: `${this.bin}:${process.env['PATH'] ?? ''}`, KBIN_ROOT: this.root, ...env },
    });
  }

  run(script: string, options: RunOptions = {}): Promise<Output> {
    const child = this.spawn(script, options);
    // A script may answer without reading its input.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input ?? '');
    return ended(child);
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
    rmSync(this.bin, { recursive: true, force: true });
  }
}

export function ended(child: ChildProcess): Promise<Output> {
  const texts = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (texts.stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (texts.stderr += text));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      resolve({ exitCode: code ?? 128, ...(signal === null ? {} : { signal }), ...texts });
    });
  });
}

/** Resolves when the condition holds; throws when it does not within a generous time. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const open = new Set<Sandbox>();

/** A sandbox that afterEach removes. */
export function sandbox(): Sandbox {
  const made = new Sandbox();
  open.add(made);
  return made;
}

export function removeSandboxes(): void {
  for (const made of open) made.remove();
  open.clear();
}

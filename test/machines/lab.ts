import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Event } from '../../src/model/event.ts';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const SCRIPT = join(ROOT, 'scripts', 'lab');
const CLI = join(ROOT, 'dist', 'cli.js');
const LAB_CACHE = process.env['KBIN_LAB_CACHE'] ?? '/var/cache/kbin-lab';
const KUBECTL = join(LAB_CACHE, 'artifacts/bin/kubernetes/v1.36.2/amd64/kubectl');

export interface Result {
  exitCode: number;
  stdout: string;
  stderr: string;
}

export interface KbinOptions {
  /** Called for every event of `--json`; may end the process. */
  onEvent?: (event: Event, child: ChildProcess) => void;
  environment?: Record<string, string>;
}

const collect = (child: ChildProcess): Promise<Result> =>
  new Promise((resolve, reject) => {
    let stdout = '';
    let stderr = '';
    child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code, signal) =>
      resolve({ exitCode: code ?? (signal === 'SIGKILL' ? 137 : 128), stdout, stderr }),
    );
  });

const execute = (command: string, args: string[], environment: Record<string, string> = {}): Promise<Result> =>
  collect(
    spawn(command, args, { cwd: ROOT, env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] }),
  );

/** One lab of real machines with an operator's home of its own. `down` removes both, whatever happened. */
export class Lab {
  readonly name: string;
  readonly home: string;

  private constructor(name: string, home: string) {
    this.name = name;
    this.home = home;
  }

  static async up(name: string, machines: number): Promise<Lab> {
    const lab = new Lab(name, await mkdtemp(join(tmpdir(), `kbin-${name}-`)));
    await lab.script('down');
    lab.must(await lab.script('up', '--machines', String(machines)));
    return lab;
  }

  async down(): Promise<void> {
    await this.script('down');
    await rm(this.home, { recursive: true, force: true });
  }

  script(command: string, ...args: string[]): Promise<Result> {
    return execute(SCRIPT, [command, '--name', this.name, ...args]);
  }

  /** The result of something that has to work. */
  must(result: Result): Result {
    if (result.exitCode !== 0)
      throw new Error(`exit ${result.exitCode}\n${result.stdout.slice(-4000)}\n${result.stderr.slice(-4000)}`);
    return result;
  }

  /** A command on a machine, as root, by the system's own ssh. */
  ssh(machine: string, command: string): Promise<Result> {
    return execute(SCRIPT, ['ssh', '--name', this.name, machine, command]);
  }

  kbin(args: string[], { onEvent, environment = {} }: KbinOptions = {}): Promise<Result> {
    const child = spawn(
      SCRIPT,
      ['exec', '--name', this.name, '--', process.execPath, CLI, ...args, ...(onEvent === undefined ? [] : ['--json'])],
      { cwd: ROOT, env: { ...process.env, ...this.environment, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    if (onEvent !== undefined) {
      createInterface({ input: child.stdout }).on('line', (line) => onEvent(JSON.parse(line) as Event, child));
    }
    return collect(child);
  }

  get environment(): Record<string, string> {
    return { KBIN_HOME: this.home, KBIN_CACHE: process.env['KBIN_CACHE'] ?? join(LAB_CACHE, 'kbin-cache') };
  }

  /** kubectl of the operator, with the kubeconfig that kbin writes. */
  kubectl(inventory: string, ...args: string[]): Promise<Result> {
    return this.kubectlWith({}, inventory, ...args);
  }

  async kubectlWith(environment: Record<string, string>, inventory: string, ...args: string[]): Promise<Result> {
    const file = join(this.home, 'kubeconfig');
    this.must(await this.kbin(['kubeconfig', '-i', inventory, '-o', file], { environment }));
    return this.kubectlAs(file, ...args);
  }

  /** kubectl of whoever holds this kubeconfig. */
  kubectlAs(kubeconfig: string, ...args: string[]): Promise<Result> {
    return this.script('exec', '--', KUBECTL, '--kubeconfig', kubeconfig, ...args);
  }

  /** Names of the Nodes that are Ready now. */
  async readyNodes(inventory: string): Promise<string[]> {
    const list = this.must(await this.kubectl(inventory, 'get', 'nodes', '-o', 'json')).stdout;
    const { items } = JSON.parse(list) as {
      items: { metadata: { name: string }; status: { conditions: { type: string; status: string }[] } }[];
    };
    return items
      .filter(({ status }) => status.conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True'))
      .map(({ metadata }) => metadata.name);
  }

  /** Writes an inventory for this lab: inventory/lab.yaml, its paths moved to this lab, `changes` replaced in its text. */
  async inventory(file: string, changes: (text: string) => string = (text) => text): Promise<string> {
    const text = await readFile(join(ROOT, 'inventory', 'lab.yaml'), 'utf8');
    const path = join(this.home, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, changes(text.replaceAll('/run/kbin-lab/lab/', `/run/kbin-lab/${this.name}/`)));
    return path;
  }

  /** Steps that a deploy would do now. */
  async plannedSteps(inventory: string): Promise<string[]> {
    const file = join(this.home, 'plan.json');
    this.must(await this.kbin(['plan', '-i', inventory, '-o', file]));
    const plan = JSON.parse(await readFile(file, 'utf8')) as { waves: { steps: { id: string }[] }[] };
    return plan.waves.flatMap((wave) => wave.steps.map((step) => step.id));
  }
}

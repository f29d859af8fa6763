import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PHASE_TABLE } from '../../src/catalog/phases.ts';
import { desired as desiredOf } from '../../src/desired/desired.ts';
import { execute, prepare, type Prepared } from '../../src/engine/deploy.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { EXIT_CODES, exitCodeOf, KbinError } from '../../src/errors.ts';
import { parseInventory } from '../../src/inventory/parse.ts';
import type { Event } from '../../src/model/event.ts';
import type { HostName, Inventory } from '../../src/model/inventory.ts';
import type { Desired, Templates } from '../../src/model/resource.ts';
import { parseCatalog } from '../../src/pki/catalog.ts';
import { hostsOfPhase } from '../../src/plan/decide.ts';
import { assertSamePlan, parsePlan } from '../../src/plan/file.ts';
import { Kbin } from './kbin.ts';
import { MemoryCache } from './memoryCache.ts';
import { MemoryPki, POISON, PretendCertificates } from './memoryPki.ts';
import { MemoryWorld } from './memoryWorld.ts';

const ROOT = join(import.meta.dirname, '../..');
const units = join(ROOT, 'units');
const templates: Templates = Object.fromEntries(
  readdirSync(units, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.hbs'))
    .map((name) => [name, readFileSync(join(units, name), 'utf8')]),
);
const rows = parseCatalog(readFileSync(join(ROOT, 'certs', 'catalog.yml'), 'utf8'));

const ENVIRONMENT = {
  HOME: '/home/op',
  PASSWORD: `${POISON}-login`,
  SUDO: `${POISON}-sudo`,
  PHRASE: `${POISON}-phrase`,
};
const HEAD = `apiVersion: kbin.dev/v1
kind: Cluster
name: prod
versions: { kubernetes: v1.36.2 }
ssh: { user: admin, passwordEnv: PASSWORD, passphraseEnv: PHRASE, keys: [/k], become: { method: sudo, passwordEnv: SUDO } }
`;

/** Small inventories of each topology. */
export const INVENTORIES = {
  single: `${HEAD}hosts:
  - { name: solo, address: 10.0.0.11, roles: [etcd, control-plane, worker] }
`,
  stacked: `${HEAD}hosts:
  - { name: 'cp-[1:3]', address: '10.0.0.[11:13]', roles: [etcd, control-plane, worker] }
`,
  dedicated: `${HEAD}hosts:
  - { name: 'etcd-[1:3]', address: '10.0.0.[21:23]', roles: [etcd] }
  - { name: cp-1, address: 10.0.0.11, roles: [control-plane] }
  - { name: 'worker-[1:2]', address: '10.0.0.[31:32]', roles: [worker], labels: { disk: ssd } }
`,
} as const;

export function inventoryOf(text: string): Inventory {
  const parsed = parseInventory(text, '/site/prod.yaml', ENVIRONMENT);
  if ('inventory' in parsed) return parsed.inventory;
  throw new Error(parsed.faults.map(({ path, message }) => `${path}: ${message}`).join('\n'));
}

const known = new Map<string, { inventory: Inventory; desired: Desired }>();

/** Both are pure, and the same text comes hundreds of times. */
export function planned(text: string): { inventory: Inventory; desired: Desired } {
  const before = known.get(text);
  if (before !== undefined) return before;
  const inventory = inventoryOf(text);
  const fresh = { inventory, desired: desiredOf(inventory, templates) };
  known.set(text, fresh);
  return fresh;
}

export const KILLED = 137;

export interface DeployOptions {
  maxFail?: number;
  limit?: HostName[];
  /** Text of a reviewed plan, as `--plan` takes it. */
  plan?: string;
  who?: string;
  /** Aborted as by Ctrl-C. */
  signal?: AbortSignal;
  /** Stands between looking and acting, as the question to the operator does. */
  beforeExecute?: (prepared: Prepared) => void | Promise<void>;
}

export interface Outcome {
  kbin: Kbin;
  exitCode: number;
  error?: unknown;
  prepared?: Prepared;
  events: Event[];
}

/** An inventory, its machines in memory, and an operator who runs kbin on them. */
export class Site {
  text: string;
  readonly world: MemoryWorld;
  readonly certificates = new PretendCertificates();
  /** Paths that each machine had before kbin came. */
  readonly bare: ReadonlyMap<HostName, ReadonlySet<string>>;
  #runs = 0;

  constructor(text: string) {
    this.text = text;
    this.world = new MemoryWorld(planned(text).inventory);
    this.bare = new Map(this.world.machines.map(({ name, disk }) => [name, new Set(disk.entries.keys())]));
  }

  get inventory(): Inventory {
    return planned(this.text).inventory;
  }

  get desired(): Desired {
    return planned(this.text).desired;
  }

  /** Changes the inventory file. */
  rewrite(text: string): void {
    this.text = text;
    this.world.cluster.inventory = this.inventory;
  }

  /** A process of kbin with a run id of its own; the FakeEngine of all tests. */
  engine({ who = 'ada', signal = new AbortController().signal }: DeployOptions = {}): { engine: Engine; kbin: Kbin } {
    this.#runs += 1;
    const { inventory, desired, world } = this;
    const phases = PHASE_TABLE.filter((phase) => hostsOfPhase(phase, inventory).length > 0).map(({ name }) => name);
    const kbin = new Kbin(`run-${this.#runs}`, new Set(phases), world.breaks);
    const engine: Engine = {
      ...{ inventory, desired, rows, parallel: 50, run: kbin.run, emit: kbin.emit, clock: world.clock },
      world: world.for(kbin, inventory, desired),
      pki: new MemoryPki(this.certificates, world.performing(kbin, 'local')),
      cache: new MemoryCache(desired),
      operator: { who, from: `${who}-laptop` },
      signal,
    };
    return { engine, kbin };
  }

  async plan(options: DeployOptions = {}): Promise<Prepared> {
    return prepare(this.engine().engine, prepareOptions(options));
  }

  /** `kbin deploy`. Never throws: the outcome has the exit code, that of SIGKILL where a fault killed it. */
  async deploy(options: DeployOptions = {}): Promise<Outcome> {
    const outcome = await this.#deploy(options);
    return outcome.kbin.isDead ? { ...outcome, exitCode: KILLED } : outcome;
  }

  /** As src/commands/deploy.ts has it. */
  async #deploy(options: DeployOptions): Promise<Outcome> {
    const { engine, kbin } = this.engine(options);
    const outcome = { kbin, events: kbin.events };
    let prepared: Prepared | undefined;
    try {
      prepared = await prepare(engine, prepareOptions(options));
      if (options.plan !== undefined) assertSamePlan(parsePlan(options.plan, 'plan.json'), prepared.plan, 'plan.json');
      await options.beforeExecute?.(prepared);
      const result = await execute(engine, prepared, { maxFail: options.maxFail ?? 0 });
      if (result.failed.size === 0) return { ...outcome, prepared, exitCode: 0 };
      const evidence = [...result.failed].map(([host, error]) => `${host}: ${String(error)}`);
      const error = new KbinError('HOSTS', `${result.failed.size} hosts were set aside`, { evidence });
      return { ...outcome, prepared, exitCode: EXIT_CODES.HOSTS, error };
    } catch (error) {
      return { ...outcome, ...(prepared === undefined ? {} : { prepared }), exitCode: exitCodeOf(error), error };
    }
  }
}

const prepareOptions = ({ maxFail = 0, limit }: DeployOptions): Parameters<typeof prepare>[1] => ({
  maxFail,
  ...(limit === undefined ? {} : { limit: new Set(limit) }),
});

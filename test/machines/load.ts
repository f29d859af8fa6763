import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Lab } from './lab.ts';

const SCRIPT = join(dirname(fileURLToPath(import.meta.url)), 'load.sh');
const FOLDER = '/run/kbin-load';
const UNIT = 'kbin-load.service';
const BALANCER_PORT = 6444;
const PATIENCE_MILLISECONDS = 60_000;

const LOOPS = ['list', 'write', 'exec'] as const;
type LoopName = (typeof LOOPS)[number];

/** A request that was not answered as it should be. */
export interface Failure {
  /** When it ended, UTC. */
  at: string;
  node: string;
  loop: LoopName | 'watch';
  /** HTTP status; 0 without an answer. */
  status: number;
  /** Of curl; 0 where an answer came that is not the right one. */
  exit: number;
  milliseconds: number;
  message: string;
}

/** A watch that ended after it had been opened, and was opened again. */
export interface Reconnect {
  at: string;
  node: string;
  exit: number;
  message: string;
}

interface Counts {
  /** Requests that have ended. */
  turns: number;
  /** Those that were answered as they should be. */
  successes: number;
  /** The longest of these, milliseconds. */
  longest: number;
}

/** What the loops of one node have seen since they began. */
interface NodeTally {
  counts: Record<LoopName, Counts>;
  failures: Failure[];
  reconnects: Reconnect[];
}

type Tally = Readonly<Record<string, NodeTally>>;

/** What a load has seen while something was done. */
export interface Seen {
  seconds: number;
  successes: Record<LoopName, number>;
  failures: Failure[];
  reconnects: Reconnect[];
}

const podName = (node: string): string => `load-${node}`;

const manifest = (nodes: readonly string[]): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'List',
    items: [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'load' } },
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'load', namespace: 'load' } },
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRoleBinding',
        metadata: { name: 'load' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
        subjects: [{ kind: 'ServiceAccount', name: 'load', namespace: 'load' }],
      },
      ...nodes.map((nodeName) => ({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: podName(nodeName), namespace: 'load' },
        spec: {
          nodeName,
          serviceAccountName: 'load',
          terminationGracePeriodSeconds: 1,
          containers: [
            {
              name: 'load',
              image: 'registry.kbin.dev/smoke:v1',
              imagePullPolicy: 'Never',
              command: ['smoke', 'sleep'],
            },
          ],
        },
      })),
    ],
  });

const linesOf = <T>(text: string): T[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);

function countsOf(line: string): Counts {
  const [turns = 0, successes = 0, longest = 0] = line.trim().split(' ').map(Number);
  return { turns, successes, longest };
}

/** Constant requests to the API from every node, each as a pod of that node makes them; see load.sh. */
export class Load {
  readonly #lab: Lab;
  readonly #inventory: string;
  readonly #nodes: readonly string[];

  private constructor(lab: Lab, inventory: string, nodes: readonly string[]) {
    this.#lab = lab;
    this.#inventory = inventory;
    this.#nodes = nodes;
  }

  /** Makes one pod a node and begins to ask in its name; resolves when every loop has been answered. */
  static async start(lab: Lab, inventory: string, nodes: readonly string[]): Promise<Load> {
    const load = new Load(lab, inventory, nodes);
    const objects = join(lab.home, 'load.json');
    await writeFile(objects, manifest(nodes));
    lab.must(await lab.kubectl(inventory, 'apply', '-f', objects));
    const wait = ['wait', '-n', 'load', '--for=condition=Ready', 'pod', '--all', '--timeout=60s'];
    lab.must(await lab.kubectl(inventory, ...wait));
    const script = await readFile(SCRIPT, 'utf8');
    for (const { node, uid } of await load.pods()) {
      const install = `mkdir -p ${FOLDER} && cat >${FOLDER}/load.sh <<'END'\n${script}END`;
      const run = `systemd-run -q --collect --unit=${UNIT} sh ${FOLDER}/load.sh ${node} ${uid} ${BALANCER_PORT}`;
      lab.must(await lab.ssh(node, `${install}\n${run}`));
    }
    await load.turn(await load.#tally());
    return load;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => this.#lab.ssh(node, `systemctl stop ${UNIT}`)));
  }

  /** The pods in whose name it asks, with how often their containers were started again. */
  async pods(): Promise<{ node: string; uid: string; restarts: number }[]> {
    const list = await this.#lab.kubectl(this.#inventory, 'get', 'pods', '-n', 'load', '-o', 'json');
    const { items } = JSON.parse(this.#lab.must(list).stdout) as {
      items: {
        metadata: { uid: string };
        spec: { nodeName: string };
        status: { containerStatuses: { restartCount: number }[] };
      }[];
    };
    return items.map(({ metadata, spec, status }) => ({
      node: spec.nodeName,
      uid: metadata.uid,
      restarts: status.containerStatuses.reduce((sum, { restartCount }) => sum + restartCount, 0),
    }));
  }

  /** What was seen while `work` was done, and until every request that was on its way then had ended. */
  async during(work: () => Promise<unknown>): Promise<Seen> {
    const started = Date.now();
    const before = await this.#tally();
    await work();
    const after = await this.turn(await this.#tally());
    const sum = (loop: LoopName): number =>
      this.#nodes.reduce(
        (total, node) =>
          total + (after[node]?.counts[loop].successes ?? 0) - (before[node]?.counts[loop].successes ?? 0),
        0,
      );
    return {
      seconds: (Date.now() - started) / 1000,
      successes: { list: sum('list'), write: sum('write'), exec: sum('exec') },
      failures: this.#nodes.flatMap((node) => after[node]?.failures.slice(before[node]?.failures.length ?? 0) ?? []),
      reconnects: this.#nodes.flatMap(
        (node) => after[node]?.reconnects.slice(before[node]?.reconnects.length ?? 0) ?? [],
      ),
    };
  }

  /** Waits until every loop has begun and ended a request since. */
  async turn(since: Tally): Promise<Tally> {
    const deadline = Date.now() + PATIENCE_MILLISECONDS;
    for (;;) {
      const tally = await this.#tally();
      // The first of two may have been on its way already.
      const late = this.#nodes.flatMap((node) =>
        LOOPS.filter((loop) => (tally[node]?.counts[loop].turns ?? 0) < (since[node]?.counts[loop].turns ?? 0) + 2).map(
          (loop) => `${loop} of ${node}`,
        ),
      );
      if (late.length === 0) return tally;
      if (Date.now() > deadline) throw new Error(`the load has stopped: ${late.join(', ')}`);
    }
  }

  async #tally(): Promise<Tally> {
    const files = LOOPS.map((loop) => `cat ${loop}.count 2>/dev/null || echo`).join('; ');
    const script = `cd ${FOLDER}; ${files}; cat failures.jsonl 2>/dev/null; echo; cat reconnects.jsonl 2>/dev/null`;
    const tallies = this.#nodes.map(async (node): Promise<[string, NodeTally]> => {
      const { stdout } = this.#lab.must(await this.#lab.ssh(node, `${script}; true`));
      const [list = '', write = '', exec = '', ...rest] = stdout.split('\n');
      const [failures = '', reconnects = ''] = rest.join('\n').split(/^\n/m);
      return [
        node,
        {
          counts: { list: countsOf(list), write: countsOf(write), exec: countsOf(exec) },
          failures: linesOf<Failure>(failures),
          reconnects: linesOf<Omit<Reconnect, 'node'>>(reconnects).map((one) => ({ ...one, node })),
        },
      ];
    });
    return Object.fromEntries(await Promise.all(tallies));
  }
}

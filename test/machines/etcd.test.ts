import type { ChildProcess } from 'node:child_process';
import { copyFile, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT_CODES } from '../../src/errors.ts';
import type { Event } from '../../src/model/event.ts';
import type { EtcdReport } from '../../src/etcd/status.ts';
import { Lab } from './lab.ts';

const MINUTE = 60_000;
const NODES = ['node-1', 'node-2', 'node-3'];
/** MiB; small enough to be filled in seconds. */
const QUOTA = 24;

let lab: Lab;
let inventory: string;

beforeAll(async () => {
  lab = await Lab.up('etcd', 3);
  inventory = await lab.inventory('lab.yaml', (text) =>
    text.replace(/^components:\n/m, `components:\n  etcd: { args: { quota-backend-bytes: '${QUOTA * 1024 ** 2}' } }\n`),
  );
  expect(await readFile(inventory, 'utf8')).toContain('quota-backend-bytes');
  lab.must(await lab.kbin(['deploy', '-i', inventory, '--yes']));
}, 5 * MINUTE);

afterAll(() => lab.down(), MINUTE);

const kbin = (...args: string[]) => lab.kbin([...args, '-i', inventory]);
const kubectl = async (...args: string[]): Promise<string> => lab.must(await lab.kubectl(inventory, ...args)).stdout;

async function report(): Promise<EtcdReport & { well: boolean }> {
  const { stdout } = await kbin('etcd', 'status', '--json');
  return JSON.parse(stdout) as EtcdReport & { well: boolean };
}

const roles = ({ members }: EtcdReport): Record<string, string> =>
  Object.fromEntries(members.map(({ host, role }) => [host, role]));

async function runPod(name: string, node: string): Promise<void> {
  const spec = JSON.stringify({ spec: { nodeName: node } });
  const image = ['--image=registry.kbin.dev/smoke:v1', '--image-pull-policy=Never', `--overrides=${spec}`];
  await kubectl('run', name, ...image, '--command', '--', 'smoke', 'sleep');
  await kubectl('wait', '--for=condition=Ready', `pod/${name}`, '--timeout=60s');
}

const podNames = async (): Promise<string[]> =>
  (await kubectl('get', 'pods', '-o', 'name')).split('\n').filter((line) => line !== '');

/** Containers of the smoke pod of this name that a node's runtime runs. */
async function running(node: string, pod: string): Promise<number> {
  const { stdout } = lab.must(await lab.ssh(node, `crictl ps -q --label io.kubernetes.pod.name=${pod}`));
  return stdout.split('\n').filter((line) => line !== '').length;
}

const folder = (): string => join(lab.home, 'snapshots');

/** Takes a snapshot; its file. */
async function snapshot(): Promise<string> {
  const { stdout } = lab.must(await kbin('etcd', 'snapshot', '--to', folder()));
  return join(folder(), stdout.trim());
}

/** An etcdctl of a node, with its own certificate. */
const etcdctl = (node: string, words: string): Promise<{ exitCode: number; stdout: string; stderr: string }> =>
  lab.ssh(
    node,
    `cd /etc/etcd/pki && etcdctl --cacert ca.crt --cert server/tls.crt --key server/tls.key --endpoints https://127.0.0.1:2379 ${words}`,
  );

// The tests of this file are one story on the same three machines, in order.

test(
  'status tells who leads, and what a member that was killed looks like',
  async () => {
    const before = await report();
    expect(before.hasQuorum).toBe(true);
    expect(Object.values(roles(before)).sort()).toEqual(['follower', 'follower', 'leader']);
    lab.must(await lab.ssh('node-2', 'systemctl kill -s KILL etcd && systemctl stop etcd'));
    const without = await kbin('etcd', 'status', '--json');
    expect(without.exitCode).toBe(EXIT_CODES.PENDING);
    const seen = JSON.parse(without.stdout) as EtcdReport;
    expect([seen.hasQuorum, seen.members[0]?.host, seen.members[0]?.role]).toEqual([true, 'node-2', 'down']);
    // Nobody is touched while one is missing.
    expect((await kbin('etcd', 'restart')).exitCode).toBe(EXIT_CODES.REFUSED);
    lab.must(await lab.ssh('node-2', 'systemctl start etcd'));
    expect(Object.values(roles(await report())).sort()).toEqual(['follower', 'follower', 'leader']);
  },
  2 * MINUTE,
);

test(
  'a full etcd takes writes again',
  async () => {
    const fill = `for n in $(seq 1 40); do head -c 1000000 /dev/zero | tr '\\0' x | ETCDCTL_API=3 etcdctl --cacert ca.crt --cert server/tls.crt --key server/tls.key --endpoints https://127.0.0.1:2379 put fill >/dev/null || exit 3; done`;
    expect((await lab.ssh('node-1', `cd /etc/etcd/pki && ${fill}`)).exitCode).toBe(3);
    expect((await report()).members.some(({ alarms }) => alarms.includes('NOSPACE'))).toBe(true);
    lab.must(await kbin('etcd', 'reclaim'));
    expect((await report()).members.flatMap(({ alarms }) => alarms)).toEqual([]);
    lab.must(await etcdctl('node-1', 'del fill'));
    expect(await lab.plannedSteps(inventory)).toEqual([]);
  },
  3 * MINUTE,
);

test(
  'a snapshot that is cut off, changed or of another cluster is refused, and nothing is touched',
  async () => {
    const file = await snapshot();
    const raw = join(lab.home, 'raw.db');
    lab.must(await lab.script('exec', '--', 'zstd', '-q', '-d', file, '-o', raw));
    const whole = await readFile(raw);
    const { clusterId } = await report();
    const refused = async (path: string): Promise<unknown> => {
      const { exitCode, stderr } = await kbin('etcd', 'restore', path, '--confirm', 'lab');
      return [exitCode, /is no sound snapshot/.test(stderr)];
    };
    for (let tenth = 0; tenth < 10; tenth += 1) {
      const cut = join(lab.home, 'cut.db');
      await copyFile(raw, cut);
      await truncate(cut, Math.floor((whole.length * tenth) / 10));
      expect([tenth, await refused(cut)]).toEqual([tenth, [EXIT_CODES.STEP, true]]);
    }
    const flipped = Buffer.from(whole);
    flipped[whole.length >> 1] = flipped[whole.length >> 1]! ^ 1;
    await writeFile(join(lab.home, 'flipped.db'), flipped);
    expect(await refused(join(lab.home, 'flipped.db'))).toEqual([EXIT_CODES.STEP, true]);
    const [manifest = ''] = (await readdir(folder())).filter((name) => name.endsWith('.json'));
    const other = join(lab.home, manifest);
    const text = await readFile(join(folder(), manifest), 'utf8');
    await writeFile(other, text.replace(/"clusterId": "[0-9a-f]*"/, '"clusterId": "0123456789abcdef"'));
    const moved = other.replace(/\.json$/, '.db.zst');
    await copyFile(file, moved);
    expect((await kbin('etcd', 'restore', moved, '--confirm', 'lab')).exitCode).toBe(EXIT_CODES.REFUSED);
    expect((await kbin('etcd', 'restore', file, '--confirm', 'other')).exitCode).toBe(EXIT_CODES.REFUSED);
    expect(await report()).toMatchObject({ clusterId, hasQuorum: true });
  },
  3 * MINUTE,
);

/** Runs a restore that is killed with SIGKILL as soon as each of these steps was done on one host; then to its end. */
async function survive(args: readonly string[], steps: readonly string[]): Promise<void> {
  const command = ['etcd', 'restore', ...args, '-i', inventory, '--confirm', 'lab'];
  for (const step of steps) {
    let isKilled = false;
    const onEvent = (event: Event, child: ChildProcess): void => {
      if (isKilled || event.type !== 'step' || event.verb !== step) return;
      isKilled = true;
      child.kill('SIGKILL');
    };
    const { exitCode, stderr } = await lab.kbin(command, { onEvent });
    if (exitCode !== 137) throw new Error(`not killed at ${step}, but ended with ${exitCode}\n${stderr}`);
    // The lease of a dead run ends by itself; the test does not wait a minute and a half each time.
    for (const node of NODES) lab.must(await lab.ssh(node, 'rm -rf /var/lib/kbin/lock'));
    // Whoever does not know of it cannot deploy over it.
    expect([step, (await kbin('plan')).exitCode]).toEqual([step, EXIT_CODES.REFUSED]);
  }
  lab.must(await lab.kbin(command));
}

test(
  'a restore that is killed after every step brings the old world back: no phantom pod runs on',
  async () => {
    await runPod('before', 'node-1');
    const file = await snapshot();
    const { clusterId } = await report();
    await kubectl('delete', 'pod', 'before', '--now');
    await runPod('after', 'node-2');
    await runPod('before', 'node-3');
    await survive(
      [file],
      ['place', 'unpack', 'stop-apiservers', 'stop-etcd', 'swap', 'start-etcd', 'start-apiservers'],
    );
    expect(await podNames()).toEqual(['pod/before']);
    await kubectl('wait', '--for=condition=Ready', 'pod/before', '--timeout=60s');
    expect(
      await Promise.all([running('node-1', 'before'), running('node-2', 'after'), running('node-3', 'before')]),
    ).toEqual([1, 0, 0]);
    const restored = await report();
    expect([restored.hasQuorum, restored.clusterId === clusterId]).toEqual([true, false]);
    expect(Math.min(...restored.members.map(({ status }) => status?.revision ?? 0))).toBeGreaterThan(1_000_000_000);
    expect(await lab.readyNodes(inventory)).toEqual(NODES);
    expect(await lab.plannedSteps(inventory)).toEqual([]);
  },
  8 * MINUTE,
);

test(
  'a restore is taken back, killed on the way',
  async () => {
    await survive(['--undo'], ['stop-etcd']);
    expect(await podNames()).toEqual(['pod/after', 'pod/before']);
    await kubectl('wait', '--for=condition=Ready', 'pod/after', 'pod/before', '--timeout=60s');
    expect(
      await Promise.all([running('node-1', 'before'), running('node-2', 'after'), running('node-3', 'before')]),
    ).toEqual([0, 1, 1]);
    expect(await lab.plannedSteps(inventory)).toEqual([]);
  },
  4 * MINUTE,
);

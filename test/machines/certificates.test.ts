import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Event } from '../../src/model/event.ts';
import { expireEverything } from './expiry.ts';
import { Lab } from './lab.ts';
import { Load, type Failure, type Seen } from './load.ts';

const MINUTE = 60_000;
const NODES = ['node-1', 'node-2', 'node-3'];
/** What a kubelet needs after its start until it knows its pods again. */
const KUBELET_SECONDS = 15;

let lab: Lab;
let inventory: string;
let load: Load;

beforeAll(async () => {
  lab = await Lab.up('certs', 3);
  inventory = await lab.inventory('lab.yaml', (text) =>
    // Pods see a new CA bundle when their kubelet looks at them, which is once a minute by default.
    text.replace('      failSwapOn: false\n', '      failSwapOn: false\n      syncFrequency: 10s\n'),
  );
  lab.must(await lab.kbin(['deploy', '-i', inventory, '--yes']));
  load = await Load.start(lab, inventory, NODES);
}, 5 * MINUTE);

afterAll(() => lab.down(), MINUTE);

type Moment = (event: Event) => boolean;

/** Which stage the store's record of the rotation under way names. */
function stage(): string {
  const record = readFileSync(join(lab.home, 'clusters/lab/pki/rotations.json'), 'utf8');
  return Object.values(JSON.parse(record) as Record<string, { stage: string }>)[0]?.stage ?? '';
}

/** As soon as the store has entered a stage: all hosts are still in the one before. */
const entering =
  (wanted: string): Moment =>
  (event) =>
    event.type === 'planned' && event.steps > 0 && stage() === wanted;

/** In the midst of a stage: one host has it, the others do not. */
const amid =
  (wanted: string, wave: string): Moment =>
  (event) =>
    event.type === 'wave' && event.wave === wave && event.state === 'applied' && event.steps > 0 && stage() === wanted;

/** Runs a command again and again: killed with SIGKILL at each of these moments, the last time to its end. */
async function survive(command: readonly string[], moments: readonly Moment[]): Promise<void> {
  const args = [...command, '-i', inventory, '--yes'];
  for (const isMoment of moments) {
    let isKilled = false;
    const onEvent = (event: Event, child: ChildProcess): void => {
      if (isKilled || !isMoment(event)) return;
      isKilled = true;
      child.kill('SIGKILL');
    };
    const { exitCode, stdout, stderr } = await lab.kbin(args, { onEvent });
    if (exitCode !== 137) throw new Error(`not killed, but ended with ${exitCode}\n${stdout.slice(-4000)}\n${stderr}`);
    // The lease of a dead run ends by itself; the test does not wait a minute and a half each time.
    for (const node of NODES) lab.must(await lab.ssh(node, 'rm -rf /var/lib/kbin/lock'));
  }
  lab.must(await lab.kbin(args));
}

/** When the kubelet of a node was stopping or starting, seconds since the epoch. */
async function kubeletTurns(node: string): Promise<number[]> {
  const journal = 'journalctl -u kubelet -t systemd -o short-unix --no-pager -q';
  const { stdout } = lab.must(await lab.ssh(node, `${journal} | grep -E 'Stopping|Started' || true`));
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Number(line.split(' ')[0]));
}

/** Streams into a node's pods end with its kubelet (status 101), and while it is away the API refuses new ones. */
const isKubeletAway = ({ loop, status, message }: Failure): boolean =>
  loop === 'exec' && (status === 101 || /:10250: connect: connection refused|pod does not exist/.test(message));

/** What failed, but for execs while their kubelet was starting again. */
async function failuresBesideKubelets(seen: Seen): Promise<Failure[]> {
  const turns = Object.fromEntries(
    await Promise.all(NODES.map(async (node) => [node, await kubeletTurns(node)] as const)),
  );
  return seen.failures.filter((failure) => {
    const at = Date.parse(failure.at) / 1000;
    const isTurn = (turn: number): boolean => at > turn - 1 && at < turn + KUBELET_SECONDS;
    return !(isKubeletAway(failure) && (turns[failure.node] ?? []).some(isTurn));
  });
}

/** Something was asked all along, from every loop. */
function expectLoad({ seconds, successes }: Seen): void {
  expect(successes.list + successes.write).toBeGreaterThan(8 * seconds);
  expect(successes.exec).toBeGreaterThan(0.5 * seconds);
}

/** The pods that ask are those that asked from the start. */
async function expectSamePods(before: Awaited<ReturnType<Load['pods']>>): Promise<void> {
  expect(await load.pods()).toEqual(before.map((pod) => ({ ...pod, restarts: 0 })));
}

// The tests of this file are one story on the same three machines, in order.

test(
  'the load sees a balancer that is away for a moment, on that node alone',
  async () => {
    const seen = await load.during(async () => {
      lab.must(
        await lab.ssh(
          'node-3',
          `systemctl stop kbin-haproxy
until grep -q '"exit":7' /run/kbin-load/failures.jsonl; do sleep 0.1; done
systemctl start kbin-haproxy`,
        ),
      );
    });
    expect(new Set(seen.failures.map(({ node }) => node))).toEqual(new Set(['node-3']));
    expect(seen.reconnects.map(({ node }) => node)).toContain('node-3');
  },
  MINUTE,
);

test(
  'all certificates are renewed, once killed half-way, without one failed request or one kubelet that restarts',
  async () => {
    const pods = await load.pods();
    const kubelets = await Promise.all(NODES.map(kubeletTurns));
    const seen = await load.during(() =>
      survive(
        ['certs', 'renew'],
        [(event) => event.type === 'wave' && event.wave === 'apiserver/node-2' && event.state === 'applied'],
      ),
    );
    expect(seen.failures).toEqual([]);
    expectLoad(seen);
    expect(await Promise.all(NODES.map(kubeletTurns))).toEqual(kubelets);
    await expectSamePods(pods);
    expect(await lab.plannedSteps(inventory)).toEqual([]);
  },
  5 * MINUTE,
);

test(
  'the etcd authority is rotated, killed in every stage, without one failed request',
  async () => {
    const seen = await load.during(() =>
      survive(
        ['certs', 'rotate-ca', '--ca', 'etcd'],
        [amid('trust', 'etcd/node-2'), entering('sign'), amid('untrust', 'apiserver/node-1')],
      ),
    );
    expect(seen.failures).toEqual([]);
    expectLoad(seen);
    expect(await lab.plannedSteps(inventory)).toEqual([]);
  },
  10 * MINUTE,
);

test(
  'the front-proxy authority is rotated stage by stage, killed in every one, without one failed request',
  async () => {
    const command = ['certs', 'rotate-ca', '--ca', 'front-proxy'];
    const seen = await load.during(async () => {
      await survive([...command, '--stage', 'trust'], [entering('trust')]);
      await survive([...command, '--stage', 'sign'], [entering('sign')]);
      await survive(command, [entering('untrust')]);
    });
    expect(seen.failures).toEqual([]);
    expectLoad(seen);
  },
  5 * MINUTE,
);

test(
  'the Kubernetes authority is rotated, killed in every stage, and who trusts or holds the old one is let in no more',
  async () => {
    const pods = await load.pods();
    const old = join(lab.home, 'old-kubeconfig');
    await copyFile(join(lab.home, 'kubeconfig'), old);
    const seen = await load.during(() =>
      survive(
        ['certs', 'rotate-ca', '--ca', 'kubernetes'],
        [
          amid('trust', 'apiserver/node-2'),
          entering('sign'),
          amid('sign', 'controllers/node-1'),
          entering('untrust'),
          // Now some kube-apiservers refuse what others still accept.
          amid('untrust', 'apiserver/node-2'),
        ],
      ),
    );
    expect(await failuresBesideKubelets(seen)).toEqual([]);
    expectLoad(seen);
    await expectSamePods(pods);
    const trusting = await lab.kubectlAs(old, 'get', 'nodes');
    expect([trusting.exitCode, trusting.stderr]).toEqual([1, expect.stringContaining('unknown authority')]);
    const holding = await lab.kubectlAs(old, '--insecure-skip-tls-verify', 'get', 'nodes');
    expect([holding.exitCode, holding.stderr]).toEqual([1, expect.stringMatching(/Unauthorized|logged in/)]);
    expect(await lab.readyNodes(inventory)).toEqual(NODES);
    expect(await lab.plannedSteps(inventory)).toEqual([]);
  },
  10 * MINUTE,
);

test(
  'the ServiceAccount key is rotated, killed in every stage, and every token is taken all along',
  async () => {
    const pods = await load.pods();
    const seen = await load.during(() =>
      survive(
        ['certs', 'rotate-sa'],
        [amid('trust', 'apiserver/node-1'), entering('sign'), amid('sign', 'apiserver/node-2'), entering('untrust')],
      ),
    );
    expect(await failuresBesideKubelets(seen)).toEqual([]);
    expectLoad(seen);
    await expectSamePods(pods);
    expect(await lab.plannedSteps(inventory)).toEqual([]);
  },
  10 * MINUTE,
);

/** Names of the keys that Secrets are encrypted with, as raw values in etcd begin: `k8s:enc:secretbox:v1:NAME:`. */
async function keysOfSecrets(): Promise<Set<string>> {
  const range = JSON.stringify({
    key: Buffer.from('/registry/secrets/').toString('base64'),
    range_end: Buffer.from('/registry/secrets0').toString('base64'),
  });
  const pair = '--cacert ca.crt --cert server/tls.crt --key server/tls.key';
  const { stdout } = lab.must(
    await lab.ssh('node-1', `cd /etc/etcd/pki && curl -sSf ${pair} -d '${range}' https://127.0.0.1:2379/v3/kv/range`),
  );
  const { kvs } = JSON.parse(stdout) as { kvs: { value: string }[] };
  return new Set(kvs.map(({ value }) => Buffer.from(value, 'base64').toString('latin1').split(':', 5).join(':')));
}

test(
  'the encryption key is rotated, killed in every stage, while every Secret is read and written by every API server',
  async () => {
    const [before, ...none] = await keysOfSecrets();
    expect([before, none]).toEqual([expect.stringMatching(/^k8s:enc:secretbox:v1:/), []]);
    const seen = await load.during(() =>
      survive(
        ['certs', 'rotate-encryption'],
        [amid('trust', 'apiserver/node-1'), entering('sign'), amid('sign', 'apiserver/node-2'), entering('untrust')],
      ),
    );
    expect(seen.failures).toEqual([]);
    expectLoad(seen);
    const [after, ...others] = await keysOfSecrets();
    expect([after, others]).toEqual([expect.stringMatching(/^k8s:enc:secretbox:v1:/), []]);
    expect(after).not.toBe(before);
    expect(await lab.plannedSteps(inventory)).toEqual([]);
  },
  10 * MINUTE,
);

/** Nobody gets an answer of the API that a client would believe. */
async function expectDead(): Promise<void> {
  const asked = await lab.kubectlAs(join(lab.home, 'kubeconfig'), 'get', 'nodes', '--request-timeout=5s');
  expect([asked.exitCode === 0, asked.stderr]).toEqual([
    false,
    expect.stringMatching(/certificate has expired|refused|EOF|reset|Unauthorized|timeout/i),
  ]);
}

test.each([
  ['while everything runs', { isRestarted: false, own: [] }],
  ['and nothing comes up with them any more', { isRestarted: true, own: ['node-1', 'node-3'] }],
])(
  'certificates that have expired everywhere, %s, are renewed over SSH',
  async (_, how) => {
    await load.stop();
    lab.must(await lab.kubectl(inventory, 'get', 'nodes'));
    await expireEverything(lab, { cluster: 'lab', nodes: NODES, ...how });
    await expectDead();
    lab.must(await lab.kbin(['certs', 'renew', '-i', inventory, '--yes']));
    expect(await lab.readyNodes(inventory)).toEqual(NODES);
    expect(await lab.plannedSteps(inventory)).toEqual([]);
  },
  5 * MINUTE,
);

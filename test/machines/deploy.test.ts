import type { ChildProcess } from 'node:child_process';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT_CODES } from '../../src/errors.ts';
import type { Event } from '../../src/model/event.ts';
import { Lab } from './lab.ts';

const MINUTE = 60_000;
const NODES = ['node-1', 'node-2', 'node-3'];

let lab: Lab;
let inventory: string;

beforeAll(async () => {
  lab = await Lab.up('deploy', 3);
  inventory = await lab.inventory('lab.yaml');
}, 2 * MINUTE);

afterAll(() => lab.down(), MINUTE);

const unitIsActive = async (machine: string, unit: string): Promise<boolean> =>
  (await lab.ssh(machine, `systemctl is-active ${unit}`)).exitCode === 0;

// The tests of this file are one story on the same three machines, in order.

test(
  'etcd without quorum stops the deploy before any kube-apiserver, with answers and journal',
  async () => {
    // Both ways: a member that can dial only one other one still reaches quorum through it.
    for (const node of ['node-2', 'node-3'])
      lab.must(
        await lab.ssh(
          node,
          'nft add table inet wall; for way in input output; do nft "add chain inet wall $way { type filter hook $way priority 0; }"; nft add rule inet wall $way tcp dport 2380 drop; done',
        ),
      );
    const result = await lab.kbin(['deploy', '-i', inventory, '--yes', '--gate-seconds', '30']);
    expect(result.exitCode).toBe(EXIT_CODES.GATE);
    expect(result.stderr).toMatch(/^GATE etcd/m);
    expect(result.stderr).toMatch(/node-1.*node-2|node-2|node-3/);
    expect(result.stderr).toMatch(/etcd\.service|etcd\[\d+\]/);
    for (const node of NODES) {
      expect(await unitIsActive(node, 'kube-apiserver')).toBe(false);
      expect((await lab.ssh(node, 'test -e /var/lib/kbin/started/kube-apiserver.service')).exitCode).not.toBe(0);
    }
    for (const node of ['node-2', 'node-3']) lab.must(await lab.ssh(node, 'nft delete table inet wall'));
  },
  5 * MINUTE,
);

test(
  'killed with SIGKILL in every phase, the next run goes on, and the last one plans nothing',
  async () => {
    const killedIn: string[] = [];
    for (let isDone = false; !isDone;) {
      const before = killedIn.length;
      const onEvent = (event: Event, child: ChildProcess): void => {
        if (event.type !== 'wave' || event.state !== 'started' || event.steps === 0) return;
        if (killedIn.length > before || killedIn.includes(event.phase)) return;
        killedIn.push(event.phase);
        child.kill('SIGKILL');
      };
      const result = await lab.kbin(['deploy', '-i', inventory, '--yes'], { onEvent });
      isDone = killedIn.length === before;
      expect([isDone ? 0 : 137, result.stderr]).toEqual([result.exitCode, expect.anything()]);
      // The lease of a dead run ends by itself; the test does not wait a minute and a half for each phase.
      for (const node of NODES) lab.must(await lab.ssh(node, 'rm -rf /var/lib/kbin/lock'));
    }
    expect(killedIn).toEqual(expect.arrayContaining(['apiserver', 'controllers', 'node', 'network', 'addons']));
    expect(await lab.plannedSteps(inventory)).toEqual([]);
  },
  10 * MINUTE,
);

test(
  'three Nodes of the right version are Ready, logs and exec work',
  async () => {
    const nodes = JSON.parse(lab.must(await lab.kubectl(inventory, 'get', 'nodes', '-o', 'json')).stdout) as {
      items: {
        metadata: { name: string };
        status: { conditions: { type: string; status: string }[]; nodeInfo: { kubeletVersion: string } };
      }[];
    };
    expect(
      nodes.items.map((node) => [
        node.metadata.name,
        node.status.nodeInfo.kubeletVersion,
        node.status.conditions.find((condition) => condition.type === 'Ready')?.status,
      ]),
    ).toEqual(NODES.map((name) => [name, 'v1.36.2', 'True']));
    lab.must(
      await lab.kubectl(
        inventory,
        'run',
        'shell',
        '--image=registry.kbin.dev/smoke:v1',
        '--image-pull-policy=Never',
        '--command',
        '--',
        'smoke',
        'serve',
        '--port',
        '8080',
      ),
    );
    lab.must(await lab.kubectl(inventory, 'wait', '--for=condition=Ready', 'pod/shell', '--timeout=60s'));
    expect(
      lab.must(
        await lab.kubectl(inventory, 'exec', 'shell', '--', 'smoke', 'lookup', 'kubernetes.default.svc.cluster.local'),
      ).stdout,
    ).toContain('10.96.0.1');
    expect((await lab.kubectl(inventory, 'logs', 'shell')).exitCode).toBe(0);
    lab.must(await lab.kubectl(inventory, 'delete', 'pod', 'shell', '--now'));
  },
  3 * MINUTE,
);

test(
  'what the last gate made it has removed',
  async () => {
    const namespaces = lab.must(
      await lab.kubectl(
        inventory,
        'get',
        'namespaces',
        '-o',
        'jsonpath={.items[?(@.status.phase=="Active")].metadata.name}',
      ),
    ).stdout;
    expect(namespaces).not.toContain('kbin-proof');
  },
  MINUTE,
);

test(
  'a second deploy changes nothing, with two execs a host at most',
  async () => {
    const sessions = async (node: string): Promise<number> => {
      const said = await lab.ssh(node, 'journalctl -u ssh.service -o cat --no-pager | grep -c "^Starting session"');
      return Number(lab.must(said).stdout);
    };
    const before = await Promise.all(NODES.map(sessions));
    const result = lab.must(await lab.kbin(['deploy', '-i', inventory, '--yes']));
    const after = await Promise.all(NODES.map(sessions));
    expect(result.stdout).toContain('Nothing to do');
    // The look itself is a session too.
    const own = after.map((count, index) => count - (before[index] ?? 0) - 1);
    expect(Math.min(...own)).toBeGreaterThanOrEqual(1);
    expect(Math.max(...own)).toBeLessThanOrEqual(2);
  },
  2 * MINUTE,
);

test(
  'a changed flag of one component changes that component alone, host after host',
  async () => {
    const changed = await lab.inventory('flag.yaml', (text) =>
      text.replace('components:\n', 'components:\n  kube-scheduler:\n    args: { v: "3" }\n'),
    );
    const steps = await lab.plannedSteps(changed);
    expect(steps.every((step) => step.includes('kube-scheduler'))).toBe(true);
    const turns: string[] = [];
    const result = await lab.kbin(['deploy', '-i', changed, '--yes'], {
      onEvent: (event) => {
        if (event.type === 'apply' && event.state === 'started') turns.push(event.wave);
      },
    });
    lab.must(result);
    expect(turns).toEqual(NODES.map((node) => `controllers/${node}`));
    expect(await lab.plannedSteps(changed)).toEqual([]);
    lab.must(await lab.kbin(['deploy', '-i', inventory, '--yes']));
  },
  5 * MINUTE,
);

test(
  'a hand edit shows as drift and is mended; one between plan and deploy is refused',
  async () => {
    const plan = join(lab.home, 'reviewed.json');
    lab.must(await lab.ssh('node-2', 'echo "# by hand" >> /etc/kubernetes/kubelet.yaml'));
    lab.must(await lab.kbin(['plan', '-i', inventory, '-o', plan]));
    expect(await lab.plannedSteps(inventory)).toEqual([
      'node-2/file:/etc/kubernetes/kubelet.yaml',
      'node-2/unit:kubelet.service',
    ]);
    lab.must(await lab.ssh('node-2', 'echo "# again" >> /etc/kubernetes/kubelet.yaml'));
    const refused = await lab.kbin(['deploy', '-i', inventory, '--plan', plan]);
    expect([refused.exitCode, refused.stderr]).toEqual([EXIT_CODES.DRIFT, expect.stringContaining('kubelet.yaml')]);
    lab.must(await lab.kbin(['deploy', '-i', inventory, '--yes']));
    expect(await lab.plannedSteps(inventory)).toEqual([]);
  },
  4 * MINUTE,
);

test(
  'the second of two operators is told who holds the lock',
  async () => {
    const changed = await lab.inventory('two.yaml', (text) =>
      text.replace('components:\n', 'components:\n  kube-scheduler:\n    args: { v: "5" }\n'),
    );
    let second: Promise<{ exitCode: number; stderr: string }> | undefined;
    const first = await lab.kbin(['deploy', '-i', changed, '--yes'], {
      onEvent: (event) => {
        if (event.type === 'wave' && event.state === 'started') second ??= lab.kbin(['deploy', '-i', changed, '--yes']);
      },
    });
    lab.must(first);
    const result = await second;
    expect([result?.exitCode, result?.stderr]).toEqual([
      EXIT_CODES.LOCKED,
      expect.stringMatching(/locked on node-1 by root from .* since/),
    ]);
    lab.must(await lab.kbin(['deploy', '-i', inventory, '--yes']));
  },
  5 * MINUTE,
);

test(
  'a changed host key stops everything, with both fingerprints',
  async () => {
    const original = await readFile(`/run/kbin-lab/${lab.name}/known_hosts`, 'utf8');
    const other = original
      .split('\n')
      .map((line) =>
        line.includes('10.77.0.12')
          ? line.replace(
              /(\S+ \S+ \S{40})(\S)/,
              (_all, head: string, letter: string) => `${head}${letter === 'A' ? 'B' : 'A'}`,
            )
          : line,
      )
      .join('\n');
    await writeFile(join(lab.home, 'known_hosts'), other);
    const moved = await lab.inventory('key.yaml', (text) =>
      text.replace(/knownHosts: .*/, `knownHosts: [${join(lab.home, 'known_hosts')}]`),
    );
    const result = await lab.kbin(['deploy', '-i', moved, '--yes']);
    expect(result.exitCode).toBe(EXIT_CODES.HOST_KEY);
    expect(result.stderr.match(/SHA256:[\w+/]+/g)?.length).toBeGreaterThanOrEqual(2);
  },
  MINUTE,
);

test(
  'without the certificate store a live cluster is refused and nothing is generated',
  async () => {
    const store = join(lab.home, 'clusters', 'lab', 'pki');
    await rename(store, `${store}.away`);
    const result = await lab.kbin(['deploy', '-i', inventory, '--yes']);
    expect([result.exitCode, result.stderr]).toEqual([EXIT_CODES.REFUSED, expect.stringContaining('has no CA')]);
    await expect(readFile(join(store, 'ca.crt'))).rejects.toMatchObject({ code: 'ENOENT' });
    await mkdir(join(lab.home, 'clusters', 'lab'), { recursive: true });
    await rename(`${store}.away`, store);
  },
  MINUTE,
);

test(
  'hosts of this cluster are refused to another one',
  async () => {
    const other = await lab.inventory('other.yaml', (text) => text.replace('name: lab\n', 'name: other\n'));
    const result = await lab.kbin(['deploy', '-i', other, '--yes']);
    expect([result.exitCode, result.stderr]).toEqual([
      EXIT_CODES.REFUSED,
      expect.stringMatching(/belongs to (another )?cluster/),
    ]);
  },
  MINUTE,
);

test(
  'no secret of the store stands in records, plans or on the hosts’ command lines',
  async () => {
    const keys = lab
      .must(await lab.ssh('node-1', 'cat /etc/kubernetes/pki/apiserver/tls.key | sed -n 2p'))
      .stdout.trim();
    expect(keys.length).toBeGreaterThan(30);
    const records = await lab.kbin(['plan', '-i', inventory, '-o', join(lab.home, 'plan.json')]);
    const audit = await readFile(join(lab.home, 'clusters', 'lab', 'audit.jsonl'), 'utf8');
    const plan = await readFile(join(lab.home, 'plan.json'), 'utf8');
    expect(`${records.stdout}${records.stderr}${audit}${plan}`).not.toContain(keys);
  },
  MINUTE,
);

test(
  'reset asks for the name, then leaves nothing of kbin behind',
  async () => {
    const refused = await lab.kbin(['reset', '-i', inventory, '--confirm', 'wrong']);
    expect(refused.exitCode).toBe(EXIT_CODES.REFUSED);
    expect(await unitIsActive('node-1', 'etcd')).toBe(true);
    lab.must(await lab.kbin(['reset', '-i', inventory, '--confirm', 'lab']));
    for (const node of NODES) {
      const left = lab.must(
        await lab.ssh(
          node,
          'ls -d /opt/kbin /etc/kubernetes /etc/etcd /var/lib/kbin /etc/systemd/system/*.service /usr/local/bin/kube* /etc/cni/net.d/*kbin* 2>/dev/null; ls -A /var/lib/etcd; true',
        ),
      ).stdout;
      expect(left.split('\n').filter((line) => /kube|etcd|kbin|containerd|flanneld/.test(line))).toEqual([]);
    }
  },
  3 * MINUTE,
);

import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT_CODES } from '../../src/errors.ts';
import { Lab } from './lab.ts';

const MINUTE = 60_000;
const HOSTS = /hosts:\n(.*\n)*/;

let lab: Lab;

beforeAll(async () => {
  lab = await Lab.up('shapes', 3);
}, 2 * MINUTE);

afterAll(() => lab.down(), MINUTE);

const ready = async (inventory: string): Promise<string[]> => {
  const list = lab.must(await lab.kubectl(inventory, 'get', 'nodes', '-o', 'json')).stdout;
  const { items } = JSON.parse(list) as {
    items: { metadata: { name: string }; status: { conditions: { type: string; status: string }[] } }[];
  };
  return items
    .filter(({ status }) => status.conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True'))
    .map(({ metadata }) => metadata.name);
};

const reset = async (inventory: string, cluster: string, environment: Record<string, string> = {}): Promise<void> => {
  lab.must(await lab.kbin(['reset', '-i', inventory, '--confirm', cluster], { environment }));
};

test(
  'a single node, by the system’s ssh, as a user with sudo',
  async () => {
    const inventory = await lab.inventory('single.yaml', (text) =>
      text
        .replace('name: lab\n', 'name: single\n')
        .replace('  user: root\n', '  user: nopass\n  transport: openssh\n')
        .replace(HOSTS, 'hosts:\n  - { name: node-1, address: 10.77.0.11, roles: [etcd, control-plane, worker] }\n'),
    );
    lab.must(await lab.kbin(['deploy', '-i', inventory, '--yes']));
    expect(await ready(inventory)).toEqual(['node-1']);
    expect(await lab.plannedSteps(inventory)).toEqual([]);
    await reset(inventory, 'single');
  },
  5 * MINUTE,
);

test(
  'etcd on a host of its own, iptables and host-gw, sudo with a password; then its etcd serves a second cluster',
  async () => {
    const environment = { LAB_SUDO: 'kbin-lab-sudo' };
    const dedicated = await lab.inventory('dedicated.yaml', (text) =>
      text
        .replace(
          'name: lab\n',
          'name: dedicated\nnetwork: { proxyMode: iptables, cni: { name: flannel, backend: host-gw } }\n',
        )
        .replace('  user: root\n', '  user: ops\n  become: { method: sudo, passwordEnv: LAB_SUDO }\n')
        .replace(
          HOSTS,
          `hosts:
  - { name: node-1, address: 10.77.0.11, roles: [etcd] }
  - { name: node-2, address: 10.77.0.12, roles: [control-plane] }
  - { name: node-3, address: 10.77.0.13, roles: [worker], labels: { tier: gold }, taints: [{ key: only, value: gold, effect: PreferNoSchedule }] }
`,
        ),
    );
    lab.must(await lab.kbin(['deploy', '-i', dedicated, '--yes'], { environment }));
    const nodes = lab.must(await lab.kubectlWith(environment, dedicated, 'get', 'nodes', '-o', 'json')).stdout;
    expect(nodes).toContain('"tier": "gold"');
    expect(nodes).toContain('"node-role.kubernetes.io/control-plane"');
    const again = lab.must(await lab.kbin(['deploy', '-i', dedicated, '--yes'], { environment }));
    expect(again.stdout).toContain('Nothing to do');

    // The second cluster keeps its keys in the same etcd under a prefix of its own, as with an etcd of somebody else.
    for (const file of ['etcd-ca.crt', 'etcd-healthcheck-client.crt', 'etcd-healthcheck-client.key']) {
      await copyFile(join(lab.home, 'clusters/dedicated/pki', file), join(lab.home, file));
    }
    lab.must(
      await lab.kbin(['reset', '-i', dedicated, '--limit', 'node-2,node-3', '--confirm', 'dedicated'], { environment }),
    );
    const existing = await lab.inventory('existing.yaml', (text) =>
      text
        .replace(
          'name: lab\n',
          `name: second
etcd:
  external:
    endpoints: [https://10.77.0.11:2379]
    caFile: ${join(lab.home, 'etcd-ca.crt')}
    certFile: ${join(lab.home, 'etcd-healthcheck-client.crt')}
    keyFile: ${join(lab.home, 'etcd-healthcheck-client.key')}
`,
        )
        .replace('components:\n', 'components:\n  kube-apiserver:\n    args: { etcd-prefix: /second }\n')
        .replace(
          HOSTS,
          'hosts:\n  - { name: node-2, address: 10.77.0.12, roles: [control-plane, worker] }\n  - { name: node-3, address: 10.77.0.13, roles: [worker] }\n',
        ),
    );
    lab.must(await lab.kbin(['deploy', '-i', existing, '--yes']));
    expect(await ready(existing)).toEqual(['node-2', 'node-3']);
    expect(await lab.plannedSteps(existing)).toEqual([]);
    await reset(existing, 'second');
    lab.must(
      await lab.kbin(['reset', '-i', dedicated, '--limit', 'node-1', '--confirm', 'dedicated'], { environment }),
    );
  },
  10 * MINUTE,
);

test(
  'preflight names every fault of every host at once and changes nothing',
  async () => {
    const inventory = await lab.inventory('unfit.yaml', (text) =>
      text.replace(
        '    roles: [etcd, control-plane, worker]',
        '    roles: [etcd, control-plane, worker]\n    arch: arm64',
      ),
    );
    lab.must(
      await lab.ssh(
        'node-2',
        'mkdir -p /var/lib/etcd/member; systemd-run --unit=squatter socat TCP-LISTEN:10250,fork EXEC:true',
      ),
    );
    lab.must(
      await lab.ssh(
        'node-3',
        'cat /etc/machine-id > /tmp/own; cat > /etc/machine-id <<E\n$(echo 11111111111111111111111111111111)\nE',
      ),
    );
    lab.must(
      await lab.ssh('node-1', 'cp /etc/machine-id /tmp/own; echo 11111111111111111111111111111111 > /etc/machine-id'),
    );
    const result = await lab.kbin(['deploy', '-i', inventory, '--yes']);
    expect(result.exitCode).toBe(EXIT_CODES.PREFLIGHT);
    for (const fault of [
      /node-1: is amd64, the inventory says arm64 \[arch\]/,
      /node-2: holds \/var\/lib\/etcd\/member/,
      /node-2: port 10250 is taken by socat/,
      /node-1, node-3: same machine-id/,
      /the cache has no kubernetes v1\.36\.2 arm64 kubelet/,
    ]) {
      expect(result.stderr).toMatch(fault);
    }
    expect((await lab.ssh('node-1', 'test -e /opt/kbin')).exitCode).not.toBe(0);
    lab.must(await lab.ssh('node-2', 'rmdir /var/lib/etcd/member; systemctl stop squatter'));
    for (const node of ['node-1', 'node-3']) lab.must(await lab.ssh(node, 'cat /tmp/own > /etc/machine-id'));
  },
  2 * MINUTE,
);

test(
  'a worker that is down from the start, and one whose disk is full, are set aside within --max-fail',
  async () => {
    const inventory = await lab.inventory('workers.yaml', (text) =>
      text
        .replace(
          HOSTS,
          `hosts:
  - { name: node-1, address: 10.77.0.11, roles: [etcd, control-plane, worker] }
  - { name: node-2, address: 10.77.0.12, roles: [worker] }
  - { name: node-3, address: 10.77.0.13, roles: [worker] }
`,
        )
        .replace('  user: root\n', '  user: root\n  connectSeconds: 8\n'),
    );
    lab.must(await lab.script('power', 'off', 'node-3'));
    const refused = await lab.kbin(['deploy', '-i', inventory, '--yes']);
    expect([refused.exitCode, refused.stderr]).toEqual([EXIT_CODES.CONNECT, expect.stringContaining('node-3')]);
    // Full enough that preflight is content and the uploads are not.
    lab.must(
      await lab.ssh('node-2', 'mkdir -p /opt/kbin/containerd && mount -t tmpfs -o size=4m none /opt/kbin/containerd'),
    );
    const result = await lab.kbin(['deploy', '-i', inventory, '--yes', '--max-fail', '2']);
    expect([result.exitCode, result.stderr]).toEqual([
      EXIT_CODES.HOSTS,
      expect.stringMatching(/node-2.*(full|free)[^]*/),
    ]);
    expect(result.stderr).toContain('node-3');
    expect(await ready(inventory)).toEqual(['node-1']);
    lab.must(await lab.ssh('node-2', 'find /opt/kbin/containerd -type f | head; umount /opt/kbin/containerd'));
    lab.must(await lab.script('power', 'on', 'node-3'));
    lab.must(await lab.kbin(['deploy', '-i', inventory, '--yes']));
    expect(await ready(inventory)).toEqual(['node-1', 'node-2', 'node-3']);
    expect(await lab.plannedSteps(inventory)).toEqual([]);
  },
  8 * MINUTE,
);

test(
  'the whole lab loses power and comes back alone',
  async () => {
    const inventory = join(lab.home, 'workers.yaml');
    lab.must(await lab.script('power', 'off', '--all'));
    lab.must(await lab.script('power', 'on', '--all'));
    const deadline = Date.now() + 3 * MINUTE;
    let steps = ['not asked yet'];
    while (steps.length > 0 && Date.now() < deadline) {
      steps = await lab.plannedSteps(inventory).catch((error: unknown) => [String(error)]);
    }
    expect(steps).toEqual([]);
    lab.must(await lab.kubectl(inventory, 'wait', '--for=condition=Ready', 'nodes', '--all', '--timeout=120s'));
  },
  6 * MINUTE,
);

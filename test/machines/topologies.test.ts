import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Lab } from './lab.ts';
import { watchedExecs, watchExecs } from './execs.ts';

const MINUTE = 60_000;
const HOSTS = /hosts:\n(.*\n)*/;

let lab: Lab;

afterEach(() => lab.down(), MINUTE);

test(
  'a single node, by the system’s ssh, as a user with sudo; after a reset nothing of it is left',
  async () => {
    lab = await Lab.up('shapes', 1);
    const inventory = await lab.inventory('single.yaml', (text) =>
      text
        .replace('name: lab\n', 'name: single\n')
        .replace('  user: root\n', '  user: nopass\n  transport: openssh\n')
        .replace(HOSTS, 'hosts:\n  - { name: node-1, address: 10.77.0.11, roles: [etcd, control-plane, worker] }\n'),
    );
    lab.must(await lab.kbin(['deploy', '-i', inventory, '--yes']));
    expect(await lab.readyNodes(inventory)).toEqual(['node-1']);
    expect(await lab.plannedSteps(inventory)).toEqual([]);
    lab.must(await lab.kbin(['reset', '-i', inventory, '--confirm', 'single']));
    const left = await lab.ssh(
      'node-1',
      'ls -d /etc/kubernetes /opt/kbin /var/lib/kbin /etc/etcd; ls -A /var/lib/etcd',
    );
    expect(left.stdout).toBe('');
  },
  5 * MINUTE,
);

test(
  'without a network plugin the cluster stands, its node waits for one, and the second plan is empty',
  async () => {
    lab = await Lab.up('shapes', 1);
    const inventory = await lab.inventory('plain.yaml', (text) =>
      text
        .replace('name: lab\n', 'name: plain\nnetwork: { cni: { name: none } }\n')
        .replace(HOSTS, 'hosts:\n  - { name: node-1, address: 10.77.0.11, roles: [etcd, control-plane, worker] }\n'),
    );
    lab.must(await lab.kbin(['deploy', '-i', inventory, '--yes']));
    const reason = '{.items[*].status.conditions[?(@.type=="Ready")].message}';
    const nodes = lab.must(await lab.kubectl(inventory, 'get', 'nodes', '-o', `jsonpath=${reason}`)).stdout;
    expect(nodes).toContain('cni plugin not initialized');
    expect((await lab.ssh('node-1', 'ls -A /etc/cni/net.d; pgrep flanneld')).stdout).toBe('');
    expect(await lab.plannedSteps(inventory)).toEqual([]);
  },
  5 * MINUTE,
);

test(
  'etcd on a host of its own, iptables and host-gw, sudo with a password that no process list shows; then its etcd serves a second cluster',
  async () => {
    lab = await Lab.up('shapes', 3);
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
    await watchExecs(lab, 'node-2');
    lab.must(await lab.kbin(['deploy', '-i', dedicated, '--yes'], { environment }));
    const nodes = lab.must(await lab.kubectlWith(environment, dedicated, 'get', 'nodes', '-o', 'json')).stdout;
    expect(nodes).toContain('"tier": "gold"');
    expect(nodes).toContain('"node-role.kubernetes.io/control-plane"');
    const again = lab.must(await lab.kbin(['deploy', '-i', dedicated, '--yes'], { environment }));
    expect(again.stdout).toContain('Nothing to do');

    const key = lab.must(await lab.ssh('node-2', 'sed -n 2p /etc/kubernetes/pki/apiserver/tls.key')).stdout.trim();
    expect(key.length).toBeGreaterThan(30);
    lab.must(await lab.ssh('node-2', 'POISON=kbin-poison-in-environment sh -c ": kbin-poison-in-argv"'));
    const seen = await watchedExecs(lab, 'node-2');
    // What stands in arguments or environment is seen, so what is not seen did not stand there.
    for (const known of ['kbin-poison-in-environment', 'kbin-poison-in-argv', '/usr/bin/systemctl']) {
      expect(seen).toContain(known);
    }
    for (const secret of ['kbin-lab-sudo', key]) expect(seen).not.toContain(secret);

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
    expect(await lab.readyNodes(existing)).toEqual(['node-2', 'node-3']);
    expect(await lab.plannedSteps(existing)).toEqual([]);
  },
  10 * MINUTE,
);

import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { HEAD, HOSTS, inventoryOf, VERSIONS } from './inventories.ts';

const hosts = (lines: string): string => `hosts:\n${lines}`;
const ALL = 'roles: [etcd, control-plane, worker]';

test('an inventory that names only what is needed has all the defaults', () => {
  const text = HEAD + VERSIONS + HOSTS;
  const { hosts: machines, ...rest } = inventoryOf(text);
  expect(rest).toEqual({
    file: '/etc/kbin/prod.yaml',
    digest: createHash('sha256').update(text).digest('hex'),
    cluster: 'prod',
    versions: {
      kubernetes: 'v1.36.2',
      etcd: 'v3.6.16',
      containerd: 'v2.3.7',
      runc: 'v1.4.3',
      'cni-plugins': 'v1.9.1',
      'cni-plugin-flannel': 'v0.9.1',
      flannel: 'v0.28.4',
      crictl: 'v1.36.0',
      coredns: 'v1.14.2',
      pause: '3.10.2',
      haproxy: 'host',
    },
    network: {
      podCidr: '10.244.0.0/16',
      serviceCidr: '10.96.0.0/16',
      nodePrefix: 24,
      dnsDomain: 'cluster.local',
      dnsAddress: '10.96.0.10',
      apiServiceAddress: '10.96.0.1',
      proxyMode: 'nftables',
      cni: { name: 'flannel', backend: 'vxlan' },
    },
    endpoint: { host: '10.0.0.1', port: 6443 },
    apiPort: 6443,
    balancerPort: 6444,
    etcd: {
      snapshots: {
        targets: [],
        keep: { last: 3, hourly: 24, daily: 7, weekly: 4, monthly: 12 },
        compression: 'auto',
        recipients: [],
      },
    },
    certificates: {
      algorithm: 'ECDSA-P256',
      leafDays: 365,
      caDays: 3650,
      apiserverSans: [],
      kubeletServing: 'kbin',
      days: {},
      extra: [],
    },
    audit: {
      enabled: true,
      log: { path: '/var/log/kubernetes/audit.log', maxAgeDays: 30, maxBackups: 10, maxSizeMiB: 100, format: 'json' },
    },
    tls: {
      minVersion: 'VersionTLS12',
      cipherSuites: ['ECDSA', 'RSA'].flatMap((key) =>
        ['AES_128_GCM_SHA256', 'AES_256_GCM_SHA384', 'CHACHA20_POLY1305_SHA256'].map(
          (cipher) => `TLS_ECDHE_${key}_WITH_${cipher}`,
        ),
      ),
    },
    authentication: {
      anonymous: { enabled: true, conditions: [{ path: '/livez' }, { path: '/readyz' }, { path: '/healthz' }] },
      jwt: [],
    },
    encryption: { provider: 'secretbox', resources: ['secrets'] },
    images: {
      pause: 'registry.k8s.io/pause:3.10.2',
      coredns: 'registry.k8s.io/coredns/coredns:v1.14.2',
      smoke: 'registry.kbin.dev/smoke:v1',
    },
    preflight: { ignore: [], minimumCpus: 2, minimumMemoryMiB: 1700, maximumClockSkewSeconds: 5 },
    binDir: '/usr/local/bin',
  });
  expect(machines).toMatchObject([
    {
      name: 'a',
      address: '10.0.0.1',
      sshAddress: '10.0.0.1',
      arch: 'amd64',
      roles: ['etcd', 'control-plane', 'worker'],
      labels: {},
      taints: [],
      components: { kubelet: { args: {}, config: {}, env: {}, resources: {} } },
    },
  ]);
  expect(machines[0]?.ssh).toEqual({
    transport: 'ssh2',
    user: 'root',
    port: 22,
    keys: [],
    agent: true,
    bastions: [],
    become: { method: 'none' },
    hostKeys: 'strict',
    knownHosts: ['/home/op/.ssh/known_hosts', '/etc/ssh/ssh_known_hosts'],
    connectSeconds: 15,
    commandSeconds: 300,
    keepaliveSeconds: 15,
  });
});

test('what is encrypted stands in one order, however it is written', () => {
  const text = (section: string): string => `${HEAD}${VERSIONS}${HOSTS}encryption: ${section}\n`;
  expect(inventoryOf(text('{ resources: [secrets., deployments.apps, configmaps] }')).encryption).toEqual({
    provider: 'secretbox',
    resources: ['configmaps', 'deployments.apps', 'secrets'],
  });
  const kms = '{ name: vault, endpoint: "unix:///run/vault.sock" }';
  expect(inventoryOf(text(`{ provider: kms, kms: ${kms} }`)).encryption).toEqual({
    provider: 'kms',
    resources: ['secrets'],
    kms: { name: 'vault', endpoint: 'unix:///run/vault.sock', timeoutSeconds: 3 },
  });
});

test('without HOME the usual known_hosts of the home directory is left out', () => {
  expect(inventoryOf(HEAD + VERSIONS + HOSTS, {}).hosts[0]?.ssh.knownHosts).toEqual(['/etc/ssh/ssh_known_hosts']);
});

test('what goes with a minor follows from it, and what is written wins', () => {
  const { versions, images } = inventoryOf(`${HEAD}versions: { kubernetes: v1.34.1, flannel: v0.27.0 }\n${HOSTS}`);
  expect(versions).toMatchObject({ coredns: 'v1.12.1', pause: '3.10.1', flannel: 'v0.27.0' });
  expect(images.pause).toBe('registry.k8s.io/pause:3.10.1');
});

test('the endpoint has the port of the API unless it says another', () => {
  const head = `${HEAD}${VERSIONS}apiPort: 7443\n`;
  expect(inventoryOf(head + HOSTS).endpoint).toEqual({ host: '10.0.0.1', port: 7443 });
  expect(inventoryOf(`${head}endpoint: { host: api.example.com }\n${HOSTS}`).endpoint.port).toBe(7443);
  expect(inventoryOf(`${head}endpoint: { host: api.example.com, port: 443 }\n${HOSTS}`).endpoint.port).toBe(443);
});

test('the endpoint is the first control plane, also when another host stands before it', () => {
  const { endpoint } = inventoryOf(
    HEAD +
      VERSIONS +
      hosts(`  - { name: w, address: 10.0.0.9, roles: [worker] }
  - { name: "cp-[1:3]", address: "10.0.0.[1:3]", roles: [etcd, control-plane] }
`),
  );
  expect(endpoint.host).toBe('10.0.0.1');
});

const LEVELS = `${HEAD}${VERSIONS}
ssh:
  user: admin
  port: 2200
  keys: [cluster-key, ~/home-key, /absolute-key]
  passwordEnv: KBIN_SSH_PASSWORD
  become: { method: sudo, passwordEnv: KBIN_SUDO_PASSWORD }
  bastions: [{ address: b.example.com }, { address: c.example.com, user: jump, port: 23 }]
components:
  kubelet:
    args: { v: 2, profiling: false, keep: cluster, gone: x }
    config: { maxPods: 110, nested: { a: 1, b: [1, 2], c: { d: 1 } }, removed: 1 }
    env: { GOMAXPROCS: 2, KEEP: cluster }
    resources: { MemoryMax: 1G, CPUWeight: 100 }
pools:
  big:
    roles: [worker]
    arch: arm64
    labels: { pool: big, shared: pool }
    taints:
      - { key: dedicated, value: big, effect: NoSchedule }
      - { key: other, effect: NoExecute }
    ssh: { port: 2222, keys: [pool-key] }
    components:
      kubelet:
        args: { v: 3, gone: null }
        config: { nested: { b: [3], c: null }, removed: null }
        env: { GOMAXPROCS: 4 }
hosts:
  - { name: a, address: 10.0.0.1, ${ALL} }
  - { name: b, address: 10.0.0.2, pool: big }
  - name: c
    address: 10.0.0.3
    pool: big
    roles: [worker]
    arch: amd64
    labels: { shared: host, own: "1" }
    taints: [{ key: dedicated, value: mine, effect: NoSchedule }]
    ssh: { user: root, port: 22, bastions: [], become: { method: none } }
    components:
      kubelet:
        args: { v: [4, 5] }
        config: { maxPods: 50, nested: { c: { e: 2 } } }
        resources: { MemoryMax: 2G }
`.replace('[4, 5]', '["4", "5"]');

test('a pool overrides the cluster and a host its pool, key by key', () => {
  const [, b, c] = inventoryOf(LEVELS).hosts;
  expect(b?.components.kubelet).toEqual({
    args: { v: '3', profiling: 'false', keep: 'cluster', gone: null },
    // null stays: it removes what kbin itself would write.
    config: { maxPods: 110, nested: { a: 1, b: [3], c: null }, removed: null },
    env: { GOMAXPROCS: '4', KEEP: 'cluster' },
    resources: { MemoryMax: '1G', CPUWeight: '100' },
  });
  expect(c?.components.kubelet).toEqual({
    args: { v: ['4', '5'], profiling: 'false', keep: 'cluster', gone: null },
    config: { maxPods: 50, nested: { a: 1, b: [3], c: { e: 2 } }, removed: null },
    env: { GOMAXPROCS: '4', KEEP: 'cluster' },
    resources: { MemoryMax: '2G', CPUWeight: '100' },
  });
});

test('labels and taints of a host are added to those of its pool, and replace equal ones', () => {
  const [a, b, c] = inventoryOf(LEVELS).hosts;
  expect([a?.labels, a?.taints, a?.pool]).toEqual([{}, [], undefined]);
  expect(b?.labels).toEqual({ pool: 'big', shared: 'pool' });
  expect(c?.labels).toEqual({ pool: 'big', shared: 'host', own: '1' });
  expect(c?.taints).toEqual([
    { key: 'dedicated', value: 'mine', effect: 'NoSchedule' },
    { key: 'other', effect: 'NoExecute' },
  ]);
  expect([b?.arch, c?.arch]).toEqual(['arm64', 'amd64']);
});

test('ssh settings are overridden key by key; lists replace; paths start at the file, ~ is home', () => {
  const [a, b, c] = inventoryOf(LEVELS).hosts;
  expect(a?.ssh).toMatchObject({
    user: 'admin',
    port: 2200,
    keys: ['/etc/kbin/cluster-key', '/home/op/home-key', '/absolute-key'],
    bastions: [
      { address: 'b.example.com', port: 22, user: 'admin' },
      { address: 'c.example.com', port: 23, user: 'jump' },
    ],
    become: { method: 'sudo' },
  });
  expect(b?.ssh).toMatchObject({ user: 'admin', port: 2222, keys: ['/etc/kbin/pool-key'] });
  expect(c?.ssh).toMatchObject({ user: 'root', port: 22, bastions: [], become: { method: 'none' } });
});

test('secrets come from the environment and are printed nowhere', () => {
  const inventory = inventoryOf(LEVELS);
  expect(inventory.hosts[0]?.ssh.password?.reveal()).toBe('login-secret');
  expect(inventory.hosts[0]?.ssh.become.password?.reveal()).toBe('sudo-secret');
  expect(JSON.stringify(inventory)).not.toContain('-secret');
});

test('a secret file of a host wins over a variable of the cluster', () => {
  const text = `${HEAD}${VERSIONS}ssh: { passwordEnv: KBIN_SSH_PASSWORD }\n${HOSTS.replace(' }', ', ssh: { passwordFile: x } }')}`;
  // parseInventory reads no file: the secret is there, and empty.
  expect(inventoryOf(text).hosts[0]?.ssh.password?.reveal()).toBe('');
});

test.each([
  ['', 'root', 'none'],
  ['ssh: { user: admin }\n', 'admin', 'sudo'],
  ['ssh: { user: admin, become: { method: none } }\n', 'admin', 'none'],
  ['ssh: { become: { method: sudo } }\n', 'root', 'sudo'],
  ['ssh: { transport: local }\n', 'alice', 'sudo'],
])('with %j the user is %s and becomes root by %s', (ssh, user, method) => {
  const [host] = inventoryOf(HEAD + VERSIONS + ssh + HOSTS, { HOME: '/home/op', USER: 'alice' }).hosts;
  expect(host?.ssh).toMatchObject({ user, become: { method } });
});

test('roles stand in one order, however they are written', () => {
  const text = HEAD + VERSIONS + HOSTS.replace('[etcd, control-plane, worker]', '[worker, etcd, control-plane]');
  expect(inventoryOf(text).hosts[0]?.roles).toEqual(['etcd', 'control-plane', 'worker']);
});

test('files of an external etcd are found beside the inventory', () => {
  const external =
    'etcd: { external: { endpoints: [https://10.0.9.1:2379], caFile: ca.crt, certFile: ~/c.crt, keyFile: /k } }\n';
  const { etcd } = inventoryOf(HEAD + VERSIONS + external + HOSTS.replace('etcd, ', ''));
  expect(etcd.external).toEqual({
    endpoints: ['https://10.0.9.1:2379'],
    caFile: '/etc/kbin/ca.crt',
    certFile: '/home/op/c.crt',
    keyFile: '/k',
  });
});

test('four thousand entries are read in a moment', () => {
  const entries = Array.from(
    { length: 4000 },
    (_, index) =>
      `  - { name: w-${index}, address: 172.16.${Math.floor(index / 250)}.${(index % 250) + 1}, roles: [worker] }\n`,
  );
  const text = `${HEAD}${VERSIONS}network: { podCidr: 10.128.0.0/9 }\n${HOSTS}${entries.join('')}`;
  // Processor time: the clock would also count what else the machine does.
  const before = process.cpuUsage();
  expect(inventoryOf(text).hosts).toHaveLength(4001);
  expect(process.cpuUsage(before).user / 1e6).toBeLessThan(5);
});

const SNAPSHOTS = `etcd:
  snapshots:
    targets:
      - { name: here, path: backups }
      - name: there
        sftp: { host: backup.example.com, user: kbin, path: srv/etcd }
        keep: { last: 9, maximumMiB: 2 }
      - name: elsewhere
        sftp: { host: 10.0.0.9, port: 2222, user: kbin, path: /srv, identityFile: ~/key, hostKeys: off, knownHosts: [own] }
      - { name: aws, s3: { bucket: backups } }
      - name: minio
        s3: { bucket: backups, prefix: '', region: home, endpoint: 'https://s3:9000', caFile: ca.pem, pathStyle: false }
    keep: { hourly: 0, maximumAgeDays: 40 }
    compression: none
    recipients: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]
ssh: { user: admin, passwordEnv: KBIN_SSH_PASSWORD, hostKeys: accept-new, knownHosts: [hosts] }
`;

test('targets of snapshots have paths, prefixes and the host keys of ssh, but none of its logins', () => {
  const { snapshots } = inventoryOf(HEAD + VERSIONS + HOSTS + SNAPSHOTS).etcd;
  const keep = { last: 3, hourly: 0, daily: 7, weekly: 4, monthly: 12, maximumAgeDays: 40 };
  const known = { hostKeys: 'accept-new', knownHosts: ['/etc/kbin/hosts'] };
  expect(snapshots).toEqual({
    targets: [
      { name: 'here', kind: 'folder', path: '/etc/kbin/backups' },
      {
        ...{
          name: 'there',
          kind: 'sftp',
          host: 'backup.example.com',
          port: 22,
          user: 'kbin',
          path: 'srv/etcd',
          ...known,
        },
        keep: { ...keep, last: 9, maximumBytes: 2_097_152 },
      },
      {
        ...{ name: 'elsewhere', kind: 'sftp', host: '10.0.0.9', port: 2222, user: 'kbin', path: '/srv' },
        ...{ identityFile: '/home/op/key', hostKeys: 'off', knownHosts: ['/etc/kbin/own'] },
      },
      { name: 'aws', kind: 's3', bucket: 'backups', prefix: 'prod/', region: 'us-east-1', pathStyle: false },
      {
        ...{ name: 'minio', kind: 's3', bucket: 'backups', prefix: '', region: 'home', endpoint: 'https://s3:9000' },
        ...{ caFile: '/etc/kbin/ca.pem', pathStyle: false },
      },
    ],
    keep,
    compression: 'none',
    recipients: ['age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p'],
  });
});

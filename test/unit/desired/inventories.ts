import { DEFAULTS } from '../../../src/inventory/defaults.ts';
import {
  COMPONENTS,
  type ComponentName,
  type Host,
  type Inventory,
  type Override,
} from '../../../src/model/inventory.ts';

const NO_OVERRIDE: Override = { args: {}, config: {}, env: {}, resources: {} };

/** Overrides of all components; those that are not named are empty. */
export const components = (
  changed: Partial<Record<ComponentName, Partial<Override>>> = {},
): Record<ComponentName, Override> =>
  Object.fromEntries(COMPONENTS.map((name) => [name, { ...NO_OVERRIDE, ...changed[name] }])) as Record<
    ComponentName,
    Override
  >;

export const host = (name: string, address: string, changed: Partial<Host> = {}): Host => ({
  name,
  address,
  sshAddress: address,
  arch: 'amd64',
  roles: ['etcd', 'control-plane', 'worker'],
  ssh: {
    transport: 'ssh2',
    user: 'root',
    port: 22,
    keys: [],
    agent: false,
    bastions: [],
    become: { method: 'none' },
    hostKeys: 'strict',
    knownHosts: [],
    connectSeconds: 10,
    commandSeconds: 60,
    keepaliveSeconds: 15,
  },
  labels: {},
  taints: [],
  components: components(),
  ...changed,
});

const SNAPSHOTS = {
  targets: [],
  keep: { last: 3, hourly: 24, daily: 7, weekly: 4, monthly: 12 },
  compression: 'auto' as const,
  recipients: [],
};

export const inventory = (hosts: Host[], changed: Partial<Inventory> = {}): Inventory => ({
  file: '/site/prod.yaml',
  digest: '0'.repeat(64),
  cluster: 'prod',
  versions: {
    kubernetes: 'v1.36.2',
    etcd: 'v3.6.16',
    containerd: 'v2.3.7',
    runc: 'v1.4.3',
    'cni-plugins': 'v1.9.1',
    'cni-plugin-flannel': 'v1.9.1-flannel1',
    flannel: 'v0.28.4',
    crictl: 'v1.36.0',
    coredns: 'v1.14.2',
    pause: '3.10.2',
    haproxy: 'host',
  },
  network: {
    podCidr: '10.244.0.0/16',
    serviceCidr: '10.96.0.0/12',
    nodePrefix: 24,
    dnsDomain: 'cluster.local',
    dnsAddress: '10.96.0.10',
    apiServiceAddress: '10.96.0.1',
    proxyMode: 'nftables',
    cni: { name: 'flannel', backend: 'vxlan' },
  },
  endpoint: { host: 'api.example.com', port: 6443 },
  apiPort: 6443,
  balancerPort: 7443,
  etcd: { snapshots: SNAPSHOTS },
  hosts,
  certificates: {
    ...{ algorithm: 'ECDSA-P256', leafDays: 365, caDays: 3650, apiserverSans: [], kubeletServing: 'kbin' },
    ...{ days: {}, extra: [] },
  },
  audit: { enabled: true, log: { ...DEFAULTS.audit.log } },
  encryption: { provider: 'secretbox', resources: ['secrets'] },
  tls: { minVersion: 'VersionTLS12', cipherSuites: [...DEFAULTS.tls.cipherSuites] },
  authentication: {
    anonymous: { enabled: true, conditions: [{ path: '/livez' }, { path: '/readyz' }, { path: '/healthz' }] },
    jwt: [],
  },
  images: {
    pause: 'registry.k8s.io/pause:3.10.2',
    coredns: 'registry.k8s.io/coredns/coredns:v1.14.2',
    smoke: 'registry.kbin.dev/smoke:v1',
  },
  preflight: { ignore: [], minimumCpus: 2, minimumMemoryMiB: 1700, maximumClockSkewSeconds: 5 },
  binDir: '/usr/local/bin',
  ...changed,
});

/** Every form of override once, at every component that has it. */
const CLUSTER_OVERRIDES = {
  containerd: {
    config: {
      plugins: {
        'io.containerd.cri.v1.runtime': {
          restrict_oom_score_adj: true,
          containerd: { runtimes: { runc: { options: { SystemdCgroup: false } } } },
        },
      },
    },
    env: { HTTPS_PROXY: 'http://proxy.example.com:3128' },
  },
  etcd: {
    args: { 'heartbeat-interval': '250' },
    config: { 'quota-backend-bytes': 8589934592, 'snapshot-count': null, 'election-timeout': 2500 },
    resources: { MemoryMax: '2G', IOWeight: '900' },
  },
  'kube-apiserver': {
    args: {
      profiling: null,
      'feature-gates': 'A=true,B=false',
      'tls-sni-cert-key': ['/a.crt,/a.key', '/b.crt,/b.key'],
    },
    config: { 'enable-admission-plugins': ['NodeRestriction', 'AlwaysPullImages'] },
  },
  'kube-controller-manager': { args: { 'node-monitor-grace-period': '40s' } },
  'kube-scheduler': { config: { parallelism: 8, leaderElection: { leaseDuration: '30s' } } },
  kubelet: {
    config: { cgroupDriver: 'cgroupfs', failCgroupV1: false, failSwapOn: false, readOnlyPort: null, maxPods: 200 },
    args: { v: '2' },
  },
  'kube-proxy': { config: { conntrack: { maxPerCore: 0 } } },
  haproxy: {
    config: { global: { maxconn: 50000, user: null, group: null }, defaults: { 'timeout client': '1h' } },
    args: { m: '512' },
  },
  flannel: { config: { Backend: { VNI: 2 } }, env: { EVENT_QUEUE_DEPTH: '5000' } },
  coredns: {
    config: { spec: { replicas: 3 }, Corefile: '.:53 {\n    forward . 10.0.0.53\n}\n' },
    env: { GOMAXPROCS: '2' },
    args: { quiet: 'true' },
  },
} satisfies Partial<Record<ComponentName, Partial<Override>>>;

const overridden = components(CLUSTER_OVERRIDES);

export const CASES: Record<string, Inventory> = {
  single: inventory([host('solo', '10.0.0.11')]),

  stacked: inventory(
    [
      ...[11, 12, 13].map((last, index) =>
        host(`cp-${index + 1}`, `10.0.0.${last}`, { roles: ['etcd', 'control-plane'], components: overridden }),
      ),
      host('worker-1', '10.0.0.21', {
        arch: 'arm64',
        roles: ['worker'],
        pool: 'gpu',
        labels: { 'example.com/pool': 'gpu' },
        taints: [{ key: 'example.com/gpu', value: 'yes', effect: 'NoSchedule' }],
        components: components({
          ...CLUSTER_OVERRIDES,
          kubelet: { ...CLUSTER_OVERRIDES.kubelet, resources: { CPUQuota: '50%', OOMScoreAdjust: '-999' } },
        }),
      }),
    ],
    {
      cluster: 'prod-eu',
      versions: { ...inventory([]).versions, kubernetes: 'v1.35.4', haproxy: '3.2.1' },
      binDir: '/opt/bin',
      apiPort: 8443,
    },
  ),

  dedicated: inventory(
    [
      ...[1, 2, 3].map((number) => host(`etcd-${number}`, `10.0.1.${number}`, { roles: ['etcd'] })),
      ...[1, 2].map((number) => host(`cp-${number}`, `10.0.0.${number}`, { roles: ['control-plane', 'worker'] })),
      host('worker-1', '10.0.2.1', { roles: ['worker'] }),
    ],
    {
      network: {
        ...inventory([]).network,
        dnsDomain: 'k8s.example.com',
        proxyMode: 'iptables',
        cni: { name: 'flannel', backend: 'host-gw' },
      },
    },
  ),

  hardened: inventory([host('solo', '10.0.0.11')], {
    audit: {
      enabled: true,
      policy: 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n  - level: Metadata\n',
      log: { path: '/data/audit/audit.log', maxAgeDays: 365, maxBackups: 0, maxSizeMiB: 500, format: 'legacy' },
      webhook: {
        configFile: '/site/audit-webhook.conf',
        ...DEFAULTS.audit.webhook,
        batch: { ...DEFAULTS.audit.batch },
      },
    },
    tls: { minVersion: 'VersionTLS13', cipherSuites: [] },
    authentication: {
      anonymous: { enabled: false },
      jwt: [
        {
          issuer: {
            url: 'https://issuer.example.com',
            audiences: ['kubernetes', 'cli'],
            audienceMatchPolicy: 'MatchAny',
          },
          claimMappings: {
            username: { claim: 'sub', prefix: 'oidc:' },
            groups: { expression: "claims.roles.split(',')" },
          },
          userValidationRules: [{ expression: "!user.username.startsWith('system:')", message: 'reserved' }],
        },
      ],
    },
  }),

  'external-etcd': inventory([host('cp-1', 'fd00::11', { roles: ['control-plane', 'worker'] })], {
    network: { ...inventory([]).network, proxyMode: 'iptables', cni: { name: 'none' } },
    etcd: {
      snapshots: SNAPSHOTS,
      external: {
        endpoints: ['https://etcd-a.example.com:2379', 'https://etcd-b.example.com:2379'],
        caFile: '/site/etcd-ca.crt',
        certFile: '/site/etcd.crt',
        keyFile: '/site/etcd.key',
      },
    },
  }),
};

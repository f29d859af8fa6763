import { HOST_PROVIDED } from '../catalog/versions.ts';

/** What holds where the inventory says nothing. The schema documents these values, expand.ts applies them. */
export const DEFAULTS = {
  apiPort: 6443,
  balancerPort: 6444,
  binDir: '/usr/local/bin',
  haproxy: HOST_PROVIDED,
  arch: 'amd64',
  network: {
    podCidr: '10.244.0.0/16',
    serviceCidr: '10.96.0.0/16',
    nodePrefix: 24,
    dnsDomain: 'cluster.local',
    proxyMode: 'nftables',
    backend: 'vxlan',
  },
  ssh: {
    transport: 'ssh2',
    user: 'root',
    port: 22,
    agent: true,
    hostKeys: 'strict',
    /** As OpenSSH's UserKnownHostsFile and GlobalKnownHostsFile; new keys go into the first. */
    knownHosts: ['~/.ssh/known_hosts', '/etc/ssh/ssh_known_hosts'],
    connectSeconds: 15,
    commandSeconds: 300,
    keepaliveSeconds: 15,
  },
  certificates: { algorithm: 'ECDSA-P256', leafDays: 365, caDays: 3650, kubeletServing: 'kbin' },
  audit: {
    log: { path: '/var/log/kubernetes/audit.log', maxAgeDays: 30, maxBackups: 10, maxSizeMiB: 100, format: 'json' },
    // kube-apiserver's own.
    webhook: { mode: 'batch', initialBackoffSeconds: 10 },
    batch: {
      bufferSize: 10000,
      maxSize: 400,
      maxWaitSeconds: 30,
      throttle: true,
      throttleQps: 10,
      throttleBurst: 15,
    },
  },
  tls: {
    minVersion: 'VersionTLS12',
    /** Forward secrecy and authenticated encryption, for ECDSA and RSA keys (CIS). */
    cipherSuites: [
      'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
      'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
      'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
      'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
      'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
      'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
    ],
  },
  authentication: { anonymous: 'health-paths' },
  // timeoutSeconds is kube-apiserver's own.
  encryption: { provider: 'secretbox', resources: ['secrets'], kms: { timeoutSeconds: 3 } },
  snapshots: {
    keep: { last: 3, hourly: 24, daily: 7, weekly: 4, monthly: 12 },
    compression: 'auto',
    // S3's own oldest; servers that are not AWS's mostly take it.
    s3: { region: 'us-east-1' },
  },
  images: {
    pause: 'registry.k8s.io/pause',
    coredns: 'registry.k8s.io/coredns/coredns',
    smoke: 'registry.kbin.dev/smoke:v1',
  },
  preflight: { minimumCpus: 2, minimumMemoryMiB: 1700, maximumClockSkewSeconds: 5 },
} as const;

import type { Encryption } from './encryption.ts';
import type { Secret } from './secret.ts';
import type { Audit, Authentication, Tls } from './security.ts';
import type { SnapshotSettings } from './snapshot.ts';

export const ROLES = ['etcd', 'control-plane', 'worker'] as const;
export type Role = (typeof ROLES)[number];

export const ARCHES = ['amd64', 'arm64'] as const;
export type Arch = (typeof ARCHES)[number];

export type HostName = string;
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** The programs that an inventory can adjust. */
export const COMPONENTS = [
  'containerd',
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kube-proxy',
  'haproxy',
  'flannel',
  'coredns',
] as const;
export type ComponentName = (typeof COMPONENTS)[number];

/** What has a version of its own. All Kubernetes programs share `kubernetes`. */
export const VERSIONED = [
  'kubernetes',
  'etcd',
  'containerd',
  'runc',
  'cni-plugins',
  'cni-plugin-flannel',
  'flannel',
  'crictl',
  'coredns',
  'pause',
  'haproxy',
] as const;
export type VersionedName = (typeof VERSIONED)[number];

/** Changes to one component: cluster, then pool, then host, the later winning key by key. */
export interface Override {
  /** Flags without dashes. `null` removes a flag that kbin sets; a list repeats the flag. */
  args: Record<string, string | string[] | null>;
  /** Merged into the component's own configuration file; `null` removes a key. */
  config: JsonObject;
  env: Record<string, string>;
  /** systemd resource directives of the unit, such as MemoryMax. */
  resources: Record<string, string>;
}

export interface Taint {
  key: string;
  value?: string;
  effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
}

export interface SshHop {
  address: string;
  port: number;
  user: string;
}

/** How to reach one host. */
export interface SshSettings {
  transport: 'ssh2' | 'openssh' | 'local';
  user: string;
  port: number;
  /** Absolute path of a private key file; several are tried in order. */
  keys: string[];
  /** Environment variable that holds the passphrase of encrypted keys. */
  passphrase?: Secret;
  /** Use the agent at SSH_AUTH_SOCK. */
  agent: boolean;
  password?: Secret;
  bastions: SshHop[];
  /** OpenSSH client configuration file to read; none when absent. */
  configFile?: string;
  become: { method: 'none' | 'sudo'; password?: Secret };
  hostKeys: 'strict' | 'accept-new' | 'off';
  knownHosts: string[];
  connectSeconds: number;
  commandSeconds: number;
  keepaliveSeconds: number;
}

export interface Host {
  name: HostName;
  /** Address that the other hosts use; also the SSH address unless `sshAddress` is there. */
  address: string;
  sshAddress: string;
  arch: Arch;
  roles: Role[];
  pool?: string;
  ssh: SshSettings;
  labels: Record<string, string>;
  taints: Taint[];
  components: Record<ComponentName, Override>;
}

export interface Network {
  podCidr: string;
  serviceCidr: string;
  /** Prefix length of each node's part of podCidr. */
  nodePrefix: number;
  dnsDomain: string;
  /** Service address of the cluster DNS: the tenth of serviceCidr. */
  dnsAddress: string;
  /** Service address of the API: the first of serviceCidr. */
  apiServiceAddress: string;
  proxyMode: 'nftables' | 'iptables';
  cni: { name: 'flannel'; backend: 'vxlan' | 'host-gw' } | { name: 'none' };
}

/** etcd that somebody else runs. */
export interface ExternalEtcd {
  endpoints: string[];
  /** Files on the operator's machine. */
  caFile: string;
  certFile: string;
  keyFile: string;
}

/** A certificate beside those that the cluster needs. */
export interface ExtraCertificate {
  name: string;
  ca: 'ca' | 'etcd-ca' | 'front-proxy-ca';
  commonName: string;
  organizations: string[];
  usages: ('server' | 'client')[];
  /** Names and addresses that it is for. */
  names: string[];
  /** Rules for further ones, as in certs/catalog.yml. */
  rules: (
    | 'own-name'
    | 'node-name'
    | 'node-address'
    | 'loopback'
    | 'kubernetes-service-names'
    | 'api-service-address'
    | 'endpoint'
    | 'api-extra'
  )[];
  per: 'cluster' | 'control-plane' | 'etcd' | 'node';
  days: number;
}

/** The whole inventory after loading, checking and expanding: no optional defaults are left open. */
export interface Inventory {
  /** Absolute path of the file it came from, for messages. */
  file: string;
  /** sha256 of the file's bytes, hex. */
  digest: string;
  cluster: string;
  versions: Record<VersionedName, string>;
  network: Network;
  /** Where clients outside the nodes reach the API. */
  endpoint: { host: string; port: number };
  /** Port of every kube-apiserver. */
  apiPort: number;
  /** Port of the node-local balancer on 127.0.0.1. */
  balancerPort: number;
  etcd: { external?: ExternalEtcd; snapshots: SnapshotSettings };
  hosts: Host[];
  certificates: {
    algorithm: 'ECDSA-P256' | 'ECDSA-P384' | 'RSA-2048' | 'RSA-3072' | 'RSA-4096';
    leafDays: number;
    caDays: number;
    /** Further names and addresses in the kube-apiserver's certificate. */
    apiserverSans: string[];
    /** Who makes what kubelets serve with: kbin, or the kubelets, which ask the cluster for it. */
    kubeletServing: 'kbin' | 'kubelet';
    /** Lifetimes of rows of certs/catalog.yml that do not last `leafDays`. */
    days: Readonly<Partial<Record<string, number>>>;
    extra: ExtraCertificate[];
  };
  audit: Audit;
  tls: Tls;
  authentication: Authentication;
  encryption: Encryption;
  /** Registry prefixes etc. for cluster images. */
  images: { pause: string; coredns: string; smoke: string };
  preflight: { ignore: string[]; minimumCpus: number; minimumMemoryMiB: number; maximumClockSkewSeconds: number };
  /** Directory of versioned binaries' links on the hosts. */
  binDir: string;
}

export const isNode = (host: Host): boolean => host.roles.includes('worker') || host.roles.includes('control-plane');
export const hasRole = (host: Host, role: Role): boolean => host.roles.includes(role);
/** Hosts with a role, in the inventory's order. */
export const hostsWith = (inventory: Inventory, role: Role): Host[] =>
  inventory.hosts.filter((host) => hasRole(host, role));

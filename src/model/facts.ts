import type { StoredEncryption } from './encryption.ts';
import type { HostName, Json } from './inventory.ts';
import type { CertificateName, SeenCertificate, StoredCertificate } from './pki.ts';
import type { ArtifactRef } from './resource.ts';

export interface PathFact {
  type: 'file' | 'directory' | 'link' | 'other';
  mode: string;
  owner: string;
  /** Files only, hex. */
  sha256?: string;
  /** Links only. */
  target?: string;
  /** Links to directories only: of what they lead to. */
  behind?: { mode: string; owner: string };
}

export interface UnitFact {
  /** systemd's LoadState, such as `loaded` or `not-found`. */
  load: string;
  /** systemd's ActiveState: `active`, `activating`, `inactive`, `failed`… */
  active: string;
  sub: string;
  enabled: boolean;
  restarts: number;
  /** Digest of the inputs it was last started with by kbin; absent when kbin never started it. */
  startedWith?: string;
}

export interface DiskFact {
  path: string;
  freeBytes: number;
  totalBytes: number;
  freeInodes: number;
  readOnly: boolean;
}

/** What one exec of the observe script tells about a host. */
export interface HostFacts {
  hostname: string;
  os: { id: string; version: string; like: string };
  kernel: string;
  /** In Go's words where known (amd64, arm64), otherwise what `uname -m` said. */
  arch: string;
  cpus: number;
  memoryMiB: number;
  bootId: string;
  machineId: string;
  productUuid: string;
  /** MAC addresses of physical-looking interfaces, sorted. */
  macs: string[];
  addresses: string[];
  /** Clock offset against the operator, seconds, and how uncertain it is (half the round trip). */
  clock: { offsetSeconds: number; uncertaintySeconds: number };
  cgroup: 1 | 2;
  init: string;
  swaps: string[];
  modules: string[];
  sysctls: Record<string, string>;
  disks: DiskFact[];
  /** Listening TCP ports with the program that holds them where it can be seen. */
  listening: { port: number; program: string }[];
  paths: Record<string, PathFact>;
  /** Certificates that programs of the host renew by themselves, by the path of their file. */
  certificates: Record<string, SeenCertificate>;
  units: Record<string, UnitFact>;
  images: string[];
  users: string[];
  /** Programs that the node needs and has: tar, gzip, sha256sum, zstd, nft, iptables… */
  programs: string[];
  owned: Owned | null;
  /** Id of a restore of etcd that is under way. */
  restoring?: string;
  /** Things of a cluster that are there although `owned` is missing: etcd data, kubelet kubeconfig… */
  leftovers: string[];
}

/** `/var/lib/kbin/owned.json`: what kbin wrote on a host; only that is ever deleted. */
export interface Owned {
  version: 1;
  cluster: { name: string; id: string };
  host: HostName;
  paths: string[];
  units: string[];
}

export interface CachedArtifact extends ArtifactRef {
  sha256: string;
  bytes: number;
  /** Size of the gzip form, which every host can unpack. */
  compressedBytes: number;
  /** Size of the zstd form, which unpacks three times as fast; absent when the operator's machine had no zstd. */
  zstdBytes?: number;
}

/** What the API says of the objects that kbin keeps; absent while no API answers. */
export interface ApiFacts {
  /** By ApiObject id; null where the object is missing. */
  objects: Record<string, Json>;
  nodes: Record<
    HostName,
    {
      labels: Record<string, string>;
      taints: { key: string; value?: string; effect: string }[];
      /** What kbin set earlier: taints as `key=value:effect`, labels by key. */
      ownTaints: string[];
      ownLabels: string[];
      /** Condition Ready is True. */
      ready: boolean;
      kubeletVersion: string;
    }
  >;
}

/** Why a host could not be observed, as its error said it. */
export interface Unreachable {
  code: string;
  message: string;
  hint?: string;
  evidence: readonly string[];
}

export interface Facts {
  /** Milliseconds since the epoch. */
  observedAt: number;
  local: {
    clusterId: string | null;
    certificates: Record<CertificateName, StoredCertificate>;
    /** Absent where the store has nothing of it yet. */
    encryption?: StoredEncryption;
    cache: CachedArtifact[];
  };
  hosts: Record<HostName, HostFacts>;
  /** Hosts that could not be observed, with the reason. */
  unreachable: Record<HostName, Unreachable>;
  api: ApiFacts | null;
  /** Whose member leads etcd; absent where none does, or where there is only one. */
  etcdLeader?: HostName;
}

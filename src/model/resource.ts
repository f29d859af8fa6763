import type { Arch, Json, VersionedName } from './inventory.ts';
import type { CertificateName, SecretRef } from './pki.ts';
import type { PhaseName } from './phase.ts';

/** `kind:identity`, unique on one host: `file:/etc/kubernetes/kubelet.yaml`, `unit:etcd.service`. */
export type ResourceId = string;

interface Base {
  id: ResourceId;
  phase: PhaseName;
}

export type Body = { text: string } | { secret: SecretRef } | { concat: SecretRef[] };

export interface User extends Base {
  kind: 'user';
  name: string;
  home: string;
}

export interface Directory extends Base {
  kind: 'directory';
  path: string;
  /** Four octal digits, such as '0700'. */
  mode: string;
  /** `user:group`. */
  owner: string;
}

export interface File extends Base {
  kind: 'file';
  path: string;
  mode: string;
  owner: string;
  body: Body;
}

/**
 * A certificate and its key as `path/tls.crt` and `path/tls.key`. `path` is a link to a directory named by the
 * content, so that the pair is swapped as one: etcd reads both on every handshake and must never see a new
 * certificate beside an old key.
 */
export interface Pair extends Base {
  kind: 'pair';
  path: string;
  /** Directory of the content-named directories; on the same filesystem as `path`. */
  pairsDir: string;
  owner: string;
  certificate: CertificateName;
}

/** Something in the cache. */
export interface ArtifactRef {
  type: 'binary' | 'image';
  component: VersionedName | 'smoke';
  version: string;
  arch: Arch;
  /** Program name, or for an image its reference. */
  name: string;
}

/** A program at `path` (versioned, immutable), reached through `link`. */
export interface Binary extends Base {
  kind: 'binary';
  artifact: ArtifactRef;
  path: string;
  link: string;
}

/** A program that the host's own packages provide; kbin only checks that it is there. */
export interface HostProgram extends Base {
  kind: 'host-program';
  path: string;
  /** Name of the package to install, for the message. */
  package: string;
  /** What to do instead where it comes from no package, such as the socket of a plugin. */
  fix?: string;
}

export interface Image extends Base {
  kind: 'image';
  artifact: ArtifactRef;
  reference: string;
}

export interface Kernel extends Base {
  kind: 'kernel';
  modules: string[];
  sysctls: Record<string, string>;
  /** Swap off now and in fstab, units and zram. */
  swapOff: boolean;
}

export interface Unit extends Base {
  kind: 'unit';
  name: string;
  /** Resources whose change means a restart. What the component reloads by itself is not listed. */
  restartsOn: ResourceId[];
  /** Those of them that `systemctl reload` is enough for, so that no connection is lost. */
  reloadsOn?: ResourceId[];
  /**
   * `ready`: `systemctl start` returns when the unit says so; `queued`: with --no-block, for etcd, whose READY comes
   * only after it joined a quorum, so that the first of three new members would wait for the others.
   */
  start: 'ready' | 'queued';
}

/**
 * A certificate that a unit renews by itself from its first start on, as the kubelet its client certificate. It is only
 * taken away, so that the unit begins anew with what kbin issued: when it has expired, or when another authority signs.
 */
export interface Renewed extends Base {
  kind: 'renewed';
  path: string;
  unit: string;
  /** Authorities of the store whose signature it may have. */
  signers: CertificateName[];
  /** Names for which the unit may ask. kbin approves its requests; without, the cluster does by itself. */
  approved?: ServingNames;
}

/** Names and addresses of one host, for what its kubelet serves with. */
export interface ServingNames {
  /** The one at which kube-apiservers reach it. */
  address: string;
  /** All that may stand in the certificate, the address among them. */
  allowed: string[];
}

export type Resource = User | Directory | File | Pair | Binary | HostProgram | Image | Kernel | Renewed | Unit;

/** One Kubernetes object that kbin keeps, by server-side apply. */
export interface ApiObject {
  id: ResourceId;
  phase: PhaseName;
  /** Plural path segment, such as `clusterroles`. */
  resource: string;
  object: { apiVersion: string; kind: string; metadata: { name: string; namespace?: string } } & Record<string, Json>;
  /** Applied with the super-admin certificate: before the admin group is bound. */
  bootstrap?: boolean;
}

/** Labels and taints of a Node that kbin keeps through the API. */
export interface NodeSettings {
  host: string;
  labels: Record<string, string>;
  taints: { key: string; value?: string; effect: string }[];
}

/** Texts of units/, by path below it: `etcd/etcd.service.hbs`. */
export type Templates = Readonly<Record<string, string>>;

/** What every host, the API and every Node should be. */
export interface Desired {
  hosts: Record<string, Resource[]>;
  api: ApiObject[];
  nodes: NodeSettings[];
}

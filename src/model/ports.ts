import type { Duplex, Readable } from 'node:stream';
import type { CachedArtifact } from './facts.ts';
import type { Host, HostName } from './inventory.ts';
import type { CertificateName, CertSpec, KeyPairSpec, SecretRef, StoredCertificate } from './pki.ts';
import type { ArtifactRef } from './resource.ts';
import type { Secret } from './secret.ts';

/** One remote command. `script` is handed to `sh -c`; it must hold no secret (those go through `input`). */
export interface Command {
  script: string;
  /** Standard input; ended when exhausted. */
  input?: Readable | Buffer | string;
  /** Run as root through the host's become method. Default true. */
  become?: boolean;
  /** Default: the host's commandSeconds. Counts silence as well as work. */
  timeoutSeconds?: number;
}

/** Failure of the command is data; only failures of the connection are thrown (KbinError CONNECT, AUTH, …). */
export interface Output {
  exitCode: number;
  /** Signal that ended it, when one did. */
  signal?: string;
  /** Capped at 8 MiB; terminal escapes are still in it. */
  stdout: string;
  /** Capped at 64 KiB. */
  stderr: string;
}

/** A kept connection to one host. Safe for concurrent use. */
export interface Connection {
  readonly host: HostName;
  run(command: Command): Promise<Output>;
  /** TCP stream to an address as seen from the host. */
  tunnel(address: string, port: number): Promise<Duplex>;
  /** True while the connection stands. */
  readonly isOpen: boolean;
  close(): Promise<void>;
}

/** Opens connections; one implementation per `ssh.transport`, chosen behind this port. */
export interface Connector {
  connect(host: Host, signal?: AbortSignal): Promise<Connection>;
}

export interface PkiStore {
  /** Everything in the store; throws PKI for a damaged or half-written one. */
  list(): Promise<Record<CertificateName, StoredCertificate>>;
  /** Issues and stores; idempotent only through the planner. Never overwrites an authority. */
  issue(spec: CertSpec, now: number): Promise<StoredCertificate>;
  /** The same for many at once, all or none: each authority stands before what it signs, or is in the store already. */
  issueAll(specs: CertSpec[], now: number): Promise<StoredCertificate[]>;
  issueKeyPair(spec: KeyPairSpec): Promise<StoredCertificate>;
  read(ref: SecretRef): Promise<Secret>;
  /** Identity of the cluster: first 16 hex digits of the sha256 of the Kubernetes CA's public key; null without one. */
  clusterId(): Promise<string | null>;
}

/** How an artifact travels. */
export type Encoding = 'gzip' | 'zstd';

export interface ArtifactCache {
  list(): Promise<CachedArtifact[]>;
  /** One artifact as it is sent: compressed once, on import. `zstd` only where `zstdBytes` says that it is there. */
  openCompressed(artifact: CachedArtifact, encoding: Encoding): Promise<Readable>;
  find(ref: ArtifactRef): Promise<CachedArtifact | undefined>;
}

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Monotonic milliseconds. */
  monotonic(): number;
  /** Resolves after `milliseconds`, or when the signal aborts. Only for polling a condition. */
  pause(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

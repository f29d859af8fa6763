import type { Duplex, Readable } from 'node:stream';
import type { Encryption, StoredEncryption } from './encryption.ts';
import type { CachedArtifact } from './facts.ts';
import type { Host, HostName } from './inventory.ts';
import type {
  CertificateName,
  CertSpec,
  Generation,
  KeyPairSpec,
  Rotation,
  SecretRef,
  StoredCertificate,
} from './pki.ts';
import type { ArtifactRef } from './resource.ts';
import type { Secret } from './secret.ts';
import type { SftpTarget } from './snapshot.ts';

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
  /** How stored objects are encrypted, without the keys; null in a store that has nothing of it yet. */
  encryption(): Promise<StoredEncryption | null>;
  /** Makes the first generation of it, with a key of its own. Never overwrites one. */
  issueEncryption(wanted: Encryption, now: number): Promise<void>;
  read(ref: SecretRef): Promise<Secret>;
  /**
   * Identity of the cluster: first 16 hex digits of the sha256 of the public key that its first Kubernetes CA had; null
   * without one.
   */
  clusterId(): Promise<string | null>;
}

/** Rotations of authorities and key pairs: changes of the store, each all or nothing, for a deploy to carry out. */
export interface RotationStore {
  /** Rotations under way. */
  rotations(): Promise<Rotation[]>;
  /** Makes the next generation, trusted beside the current one. Throws PKI when this rotation is under way already. */
  begin(rotation: NextGeneration, now: number): Promise<Rotation>;
  /** The next generation signs from now on; the current one becomes the old one and stays trusted. */
  promote(name: CertificateName): Promise<Rotation>;
  /** The old generation is no longer trusted; it is kept aside. */
  distrust(name: CertificateName): Promise<Rotation>;
  /** Forgets the rotation: every host has left the old generation behind. */
  end(name: CertificateName): Promise<void>;
  /** A client certificate for a few minutes, signed by a generation of an authority and kept nowhere: for probes. */
  probeIdentity(probe: ProbeIdentity, now: number): Promise<{ certificate: string; key: Secret }>;
}

export interface ProbeIdentity {
  authority: CertificateName;
  /** `retired`: what was distrusted in this rotation. */
  generation: Generation | 'retired';
  commonName: string;
}

export type Pki = PkiStore & RotationStore;

/** Authorities in issuing order, the rotated one first; or one bare key pair, or the encryption of stored objects. The names are those of the current ones. */
export interface NextGeneration {
  name: CertificateName;
  authorities: CertSpec[];
  keyPairs: KeyPairSpec[];
  /** How stored objects are to be encrypted, when that is what is rotated. */
  encryption?: Encryption;
  /** The next generation of the rotated authority, when it is not to be made: PEM texts, `above` up to its root. */
  given?: { pem: string; above: readonly string[]; key: Secret };
}

/** How an artifact travels. */
export type Encoding = 'gzip' | 'zstd';

export interface ArtifactCache {
  list(): Promise<CachedArtifact[]>;
  /** One artifact as it is sent: compressed once, on import. `zstd` only where `zstdBytes` says that it is there. */
  openCompressed(artifact: CachedArtifact, encoding: Encoding): Promise<Readable>;
  find(ref: ArtifactRef): Promise<CachedArtifact | undefined>;
}

/** What lies in a folder. */
export interface FolderEntry {
  name: string;
  /** False for folders, links and whatever else there is. */
  isFile: boolean;
  bytes: number;
  /** Milliseconds since the epoch, by the clock of the file system. */
  modifiedAt: number;
}

/**
 * The few things that snapshot targets do with files, here or on a server. Links to files are never followed. Rejects with
 * an Error whose `code` is a system error's (ENOENT, EACCES, ELOOP, ENOSPC…, or FAILURE where a server says no more), and
 * with KbinError CONNECT or TIMEOUT when the connection broke.
 */
export interface Files {
  list(folder: string): Promise<FolderEntry[]>;
  /** With all folders above it, each of mode 0700. One that is there stays as it is. */
  makeFolder(path: string): Promise<void>;
  /**
   * Makes a file of mode 0600 where none may be, with all of `source`, and resolves to its size once it is on the disk, as
   * far as the server can tell. When it fails, what is there stays.
   */
  create(path: string, source: AsyncIterable<Uint8Array>): Promise<number>;
  /** Replaces `to`, on the disk too as far as the server can. */
  rename(from: string, to: string): Promise<void>;
  read(path: string): Promise<Readable>;
  remove(path: string): Promise<void>;
  /** What this user may still write below a folder; undefined where nobody can say. */
  freeBytes(folder: string): Promise<number | undefined>;
  close(): Promise<void>;
}

/** Opens a session of a server's SFTP subsystem. Rejects as `Connector` does; CONNECT too where there is no such subsystem. */
export interface SftpOpener {
  open(target: SftpTarget, signal?: AbortSignal): Promise<Files>;
}

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Monotonic milliseconds. */
  monotonic(): number;
  /** Resolves after `milliseconds`, or when the signal aborts. Only for polling a condition. */
  pause(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

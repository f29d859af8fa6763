import type { Readable } from 'node:stream';
import { KbinError } from '../errors.ts';
import type { HostFacts, Owned } from '../model/facts.ts';
import type { HostName } from '../model/inventory.ts';
import type { Clock, Command, Output } from '../model/ports.ts';
import { seenCertificate } from '../pki/certificate.ts';
import { applyPayload, parseApply, type ApplyInput, type ApplyResult } from '../remote/apply.ts';
import {
  acquireScript,
  parseAcquire,
  parseRenew,
  releaseScript,
  renewScript,
  type AcquireInput,
  type Acquired,
} from '../remote/lock.ts';
import { observeScript, parseObservation, type ObserveInput } from '../remote/observe.ts';
import { parseReset, resetScript } from '../remote/reset.ts';
import { parseUpload, uploadScript, type UploadInput, type UploadResult } from '../remote/upload.ts';
import { lookAtCertificates, type CertificatesAsked, type HostCertificates } from './hostCertificates.ts';
import type { Fleet } from './fleet.ts';

/** In seconds, where the inventory's ssh.commandSeconds does not fit: a lock is a moment, an upload is a slow link's. */
const LIMITS = { upload: 3600, lock: 30 } as const;

export interface Lease {
  run: string;
  leaseSeconds: number;
}

/**
 * What kbin does to a host, each a single exec. The fault harness puts hosts in memory behind it; everything else of
 * the engine is the same there and on real machines. Methods throw the connection's KbinErrors; what the host itself
 * refuses is a result.
 */
export interface HostPort {
  observe(input: ObserveInput): Promise<HostFacts>;
  /** One exec for the disk, and beside it a handshake with each listener. */
  certificates(asked: CertificatesAsked): Promise<HostCertificates>;
  upload(input: UploadInput, source: Readable): Promise<UploadResult>;
  apply(input: ApplyInput): Promise<ApplyResult>;
  acquire(input: AcquireInput): Promise<Acquired>;
  /** False when another run holds the lock. */
  renew(lease: Lease): Promise<boolean>;
  release(run: string): Promise<void>;
  reset(owned: Owned): Promise<void>;
}

/** What cannot be read is as good as not there: its unit makes itself another one, or says why it cannot. */
function seenCertificates(pems: Readonly<Record<string, string>>): HostFacts['certificates'] {
  const seen: HostFacts['certificates'] = {};
  for (const [path, pem] of Object.entries(pems)) {
    try {
      seen[path] = seenCertificate(pem);
    } catch {
      continue;
    }
  }
  return seen;
}

/** The host behind an SSH connection. */
export class SshHost implements HostPort {
  readonly #fleet: Fleet;
  readonly #name: HostName;
  readonly #clock: Clock;

  constructor(fleet: Fleet, name: HostName, clock: Clock) {
    this.#fleet = fleet;
    this.#name = name;
    this.#clock = clock;
  }

  async #run(command: Command): Promise<Output> {
    const connection = await this.#fleet.connection(this.#name);
    return connection.run(command);
  }

  async #succeed(what: string, command: Command): Promise<Output> {
    const output = await this.#run(command);
    if (output.exitCode === 0) return output;
    const lines = output.stderr.trim().split('\n');
    throw new KbinError('STEP', `${what} on ${this.#name} ended with ${output.exitCode}: ${lines.at(-1) ?? ''}`, {
      host: this.#name,
      evidence: lines.slice(-6),
    });
  }

  async observe(input: ObserveInput): Promise<HostFacts> {
    const sentAt = this.#clock.now();
    const output = await this.#succeed('observe', { script: observeScript(input) });
    const { pems, ...facts } = parseObservation(output.stdout, { sentAt, receivedAt: this.#clock.now() });
    return { ...facts, certificates: seenCertificates(pems) };
  }

  async certificates(asked: CertificatesAsked): Promise<HostCertificates> {
    return lookAtCertificates(await this.#fleet.connection(this.#name), asked);
  }

  async upload(input: UploadInput, source: Readable): Promise<UploadResult> {
    return parseUpload(await this.#run({ script: uploadScript(input), input: source, timeoutSeconds: LIMITS.upload }));
  }

  async apply(input: ApplyInput): Promise<ApplyResult> {
    return parseApply(await this.#run(await applyPayload(input)));
  }

  async acquire(input: AcquireInput): Promise<Acquired> {
    return parseAcquire(await this.#run({ script: acquireScript(input), timeoutSeconds: LIMITS.lock }));
  }

  async renew(lease: Lease): Promise<boolean> {
    return parseRenew(await this.#run({ script: renewScript(lease), timeoutSeconds: LIMITS.lock })).renewed;
  }

  async release(run: string): Promise<void> {
    await this.#succeed('release of the lock', { script: releaseScript({ run }), timeoutSeconds: LIMITS.lock });
  }

  async reset(owned: Owned): Promise<void> {
    const output = await this.#run({ script: resetScript(owned) });
    const { failed, truncated } = parseReset(output);
    if (output.exitCode === 0 && !truncated) return;
    throw new KbinError('STEP', `reset on ${this.#name} ended with ${output.exitCode}: ${failed.join('; ')}`, {
      host: this.#name,
      evidence: [...failed, ...output.stderr.trim().split('\n').slice(-6)],
      hint: 'Mend what the lines say and run the same command again: what is gone already is passed over.',
    });
  }
}

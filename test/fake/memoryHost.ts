import type { Readable } from 'node:stream';
import type { HostPort, Lease } from '../../src/engine/host.ts';
import { KbinError } from '../../src/errors.ts';
import type { HostFacts, Owned } from '../../src/model/facts.ts';
import type { ApplyInput, ApplyResult } from '../../src/remote/apply.ts';
import type { AcquireInput, Acquired } from '../../src/remote/lock.ts';
import type { ObserveInput } from '../../src/remote/observe.ts';
import type { UploadInput, UploadResult } from '../../src/remote/upload.ts';
import { ApplyScript } from './applyScript.ts';
import { acquireScript, releaseScript, renewScript, resetScript, uploadScript, type Script } from './hostScripts.ts';
import type { Machine } from './machine.ts';
import type { Verb } from './operations.ts';

/** How the world runs one script on one machine, with whatever goes wrong on the way. */
export type Perform = <T>(what: { verb: Verb; name: string; input: unknown }, work: Work<T>) => Promise<T>;

export interface Work<T> {
  script: () => Script<T>;
  /** What the caller gets when the script is killed on the host and the end of its answer is missing. */
  truncated?: () => T;
}

/** A machine in memory, behind the port through which the engine reaches hosts. */
export class MemoryHost implements HostPort {
  readonly #machine: Machine;
  readonly #perform: Perform;
  readonly #now: () => number;

  constructor(machine: Machine, perform: Perform, now: () => number) {
    this.#machine = machine;
    this.#perform = perform;
    this.#now = now;
  }

  async observe(input: ObserveInput): Promise<HostFacts> {
    const machine = this.#machine;
    return this.#perform(
      { verb: 'observe', name: '', input },
      {
        *script() {
          yield 'looking';
          return machine.facts(input);
        },
      },
    );
  }

  /** Their certificates are pretended: there is nothing to look at. */
  async certificates(): Promise<never> {
    throw new Error('machines in memory have no certificates to look at');
  }

  async upload(input: UploadInput, source: Readable): Promise<UploadResult> {
    source.destroy();
    const name = input.target.split('/').slice(-1).join('');
    return this.#perform({ verb: 'upload', name, input }, { script: () => uploadScript(this.#machine, input) });
  }

  async apply(input: ApplyInput): Promise<ApplyResult> {
    const name = [...new Set(input.steps.map((step) => step.phase))].join('+') || 'owned';
    const script = new ApplyScript(this.#machine, input);
    return this.#perform(
      { verb: 'apply', name, input },
      { script: () => script.run(), truncated: () => ({ done: [...script.done], truncated: true }) },
    );
  }

  async acquire(input: AcquireInput): Promise<Acquired> {
    return this.#locking('acquire', input, () => acquireScript(this.#machine, input, this.#now()));
  }

  async renew(lease: Lease): Promise<boolean> {
    return this.#locking('renew', lease, () => renewScript(this.#machine, lease, this.#now()));
  }

  async release(run: string): Promise<void> {
    return this.#locking('release', run, () => releaseScript(this.#machine, run));
  }

  async reset(owned: Owned): Promise<void> {
    const name = owned.cluster.name;
    return this.#perform({ verb: 'reset', name, input: owned }, { script: () => resetScript(this.#machine, owned) });
  }

  async #locking<T>(verb: Verb, input: unknown, script: () => Script<T>): Promise<T> {
    const told = function* (): Script<T> {
      try {
        return yield* script();
      } catch (error) {
        throw new KbinError('STEP', `the lock script ended with 70: ${(error as Error).message}`);
      }
    };
    return this.#perform({ verb, name: '', input }, { script: told });
  }
}

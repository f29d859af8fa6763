import { KbinError } from '../errors.ts';
import { type Lease, once } from './lease.ts';

interface Shared {
  opening: Promise<Lease>;
  uses: number;
}

/** A login that was refused, or a wrong host key, stays so for every host behind that bastion: no second attempt. */
const FINAL = new Set(['AUTH', 'HOST_KEY']);

/** Connections to jump hosts, one for each chain of logins, shared by all hosts behind it. */
export class Bastions {
  readonly #shared = new Map<string, Shared>();

  /** The connection for `chain`, opened by `open` when there is none. Rejects as `open` does. */
  async lease(chain: string, open: () => Promise<Lease>): Promise<Lease> {
    const shared = this.#shared.get(chain) ?? this.#open(chain, open);
    shared.uses += 1;
    try {
      const opened = await shared.opening;
      return { client: opened.client, release: once(() => this.#release(chain, shared, opened)) };
    } catch (error) {
      const isFinal = error instanceof KbinError && FINAL.has(error.code);
      if (!isFinal) this.#forget(chain, shared);
      throw error;
    }
  }

  #open(chain: string, open: () => Promise<Lease>): Shared {
    const shared: Shared = { opening: open(), uses: 0 };
    this.#shared.set(chain, shared);
    void shared.opening.then(
      ({ client }) => client.once('close', () => this.#forget(chain, shared)),
      () => undefined,
    );
    return shared;
  }

  #release(chain: string, shared: Shared, opened: Lease): void {
    shared.uses -= 1;
    if (shared.uses > 0) return;
    this.#forget(chain, shared);
    opened.release();
  }

  #forget(chain: string, shared: Shared): void {
    if (this.#shared.get(chain) === shared) this.#shared.delete(chain);
  }
}

import { KbinError } from '../errors.ts';
import { hostsWith, type HostName } from '../model/inventory.ts';
import type { Engine } from './engine.ts';
import { askAgain, isLost } from './askAgain.ts';
import { fanOut } from './fanOut.ts';

/** A holder that has not renewed for this long is dead. */
const LEASE_SECONDS = 90;
const RENEW_EVERY_SECONDS = 20;

/** A lock on most of the control planes; its token fences every apply. */
export class ClusterLock {
  readonly token: number;
  readonly #engine: Engine;
  readonly #anchors: readonly HostName[];
  readonly #timer: NodeJS.Timeout;
  #lost: KbinError | undefined;

  private constructor(engine: Engine, anchors: readonly HostName[], token: number) {
    this.#engine = engine;
    this.#anchors = anchors;
    this.token = token;
    this.#timer = setInterval(() => void this.#renew(), RENEW_EVERY_SECONDS * 1000);
    this.#timer.unref();
  }

  /**
   * @throws KbinError LOCKED naming the holder, since when and from where; REFUSED when fewer than most of the control
   * planes can be reached, because then another operator could hold the others.
   */
  static async acquire(engine: Engine, reachable: ReadonlySet<HostName>): Promise<ClusterLock> {
    const all = hostsWith(engine.inventory, 'control-plane').map((host) => host.name);
    const anchors = all.filter((name) => reachable.has(name));
    assertMost(anchors.length, all.length);
    const tokens = new Map<HostName, number>();
    try {
      // One after the other and in the inventory's order, so that two operators meet at the first.
      for (const host of anchors) {
        const token = await acquireOn(engine, host);
        if (token !== undefined) tokens.set(host, token);
      }
      assertMost(tokens.size, all.length);
    } catch (error) {
      // On all of them: where the answer was lost it may be held.
      await release(engine, anchors);
      throw error;
    }
    return new ClusterLock(engine, anchors, Math.max(...tokens.values()));
  }

  /** Throws when the lock was lost: nothing more may be changed. */
  assertHeld(): void {
    if (this.#lost !== undefined) throw this.#lost;
  }

  /** Asks the hosts before throwing as assertHeld does: for what no host fences, such as writing to the API. */
  async assertStillHeld(): Promise<void> {
    await this.#renew();
    this.assertHeld();
  }

  async release(): Promise<void> {
    clearInterval(this.#timer);
    await release(this.#engine, this.#anchors);
  }

  async #renew(): Promise<void> {
    const { world, run } = this.#engine;
    const answers = await fanOut(this.#anchors, this.#anchors.length, (host) =>
      world.host(host).renew({ run, leaseSeconds: LEASE_SECONDS }),
    );
    // A host that does not answer keeps its lease until it expires; one that answers "no" has another holder.
    const refused = answers.some((answer) => answer.ok && !answer.value);
    if (refused) {
      this.#lost = new KbinError('STALE', 'the cluster lock was taken over by another run', {
        hint: 'This machine may have slept longer than the lease. Run the same command again.',
      });
    }
  }
}

function assertMost(count: number, all: number): void {
  if (count * 2 > all) return;
  throw new KbinError('REFUSED', `only ${count} of ${all} control planes can be reached`, {
    hint: 'The cluster lock needs most of them. Bring them back, or take the lost ones out of the inventory.',
  });
}

/** The token; undefined when the host was lost since it was observed. Asking twice is safe: a run holds a lock once. */
async function acquireOn(engine: Engine, host: HostName, leaseSeconds = LEASE_SECONDS): Promise<number | undefined> {
  const { world, inventory, operator, run } = engine;
  const { cluster } = inventory;
  const wanted = { cluster, holder: operator.who, from: operator.from, run, leaseSeconds };
  const answer = await askAgain(() => world.host(host).acquire(wanted)).catch((error: unknown) => {
    if (isLost(error)) return undefined;
    throw error;
  });
  if (answer === undefined) return undefined;
  if (answer.acquired) return answer.token;
  const { holder, from, since, expiresInSeconds } = answer;
  throw new KbinError('LOCKED', `cluster ${cluster} is locked on ${host} by ${holder} from ${from} since ${since}`, {
    host,
    hint: `Wait for that run. If it is dead, its lease ends in ${expiresInSeconds} s.`,
  });
}

/**
 * Keeps other operators out of these control planes for a time that nothing renews: for work that ends the cluster, and
 * the lock with it. Returns what gives it back on the hosts it is told.
 * @throws KbinError LOCKED when one of them is held.
 */
export async function holdFor(
  engine: Engine,
  anchors: readonly HostName[],
  leaseSeconds: number,
): Promise<(hosts: readonly HostName[]) => Promise<void>> {
  try {
    for (const host of anchors) await acquireOn(engine, host, leaseSeconds);
  } catch (error) {
    await release(engine, anchors);
    throw error;
  }
  return (hosts) => release(engine, hosts);
}

async function release(engine: Engine, hosts: readonly HostName[]): Promise<void> {
  // A host that cannot be told keeps its lease until it expires.
  await fanOut(hosts, hosts.length, (host) => askAgain(() => engine.world.host(host).release(engine.run)));
}

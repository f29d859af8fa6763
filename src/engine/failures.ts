import { exitCodeOf, KbinError } from '../errors.ts';
import type { Facts } from '../model/facts.ts';
import type { HostName } from '../model/inventory.ts';
import type { Engine } from './engine.ts';
import { fanOut } from './fanOut.ts';
import { observeHost } from './observe.ts';

export interface Allowance {
  /** Hosts that may fail before the run stops. */
  maxFail: number;
  /** Hosts that may be changed, and count when they fail; all when absent. */
  limit?: ReadonlySet<HostName>;
}

/** Hosts that are out: no later step runs there. Those that could not be observed are out from the start. */
export class Failures {
  readonly #failed: Map<HostName, unknown>;
  readonly #allowance: Allowance;

  constructor(facts: Facts, allowance: Allowance) {
    this.#allowance = allowance;
    this.#failed = new Map(
      Object.entries(facts.unreachable).map(([host, { code, message }]) => [host, new Error(`${code} ${message}`)]),
    );
  }

  has(host: HostName): boolean {
    return this.#failed.has(host);
  }

  add(host: HostName, error: unknown): void {
    this.#failed.set(host, error);
  }

  /** Those that count: a host that `--limit` leaves out may well be down. */
  counted(): Map<HostName, unknown> {
    const { limit } = this.#allowance;
    return new Map([...this.#failed].filter(([host]) => limit?.has(host) ?? true));
  }

  /** How many more may fail. */
  room(): number {
    return this.#allowance.maxFail - this.counted().size;
  }

  evidence(): string[] {
    return [...this.#failed].flatMap(([host, error]) => describe(host, error));
  }

  /** @throws the one failure, or HOSTS with all of them, when there is one that is not allowed for. */
  stopWhenTooMany(errors: readonly unknown[]): void {
    const [first] = errors;
    if (first === undefined || this.room() >= 0) return;
    const count = this.counted().size;
    if (count === 1) throw first as Error;
    const codes = new Set(errors.map(exitCodeOf));
    const code = codes.size === 1 && first instanceof KbinError ? first.code : 'HOSTS';
    throw new KbinError(code, `${count} hosts failed, ${this.#allowance.maxFail} may`, {
      evidence: this.evidence(),
      hint: 'Mend these hosts and run the same command again.',
    });
  }
}

/** Those of the hosts that cannot be reached now, each with why. */
export async function lostHosts(engine: Engine, hosts: readonly HostName[]): Promise<Map<HostName, unknown>> {
  const answers = await fanOut(hosts, engine.parallel, (host) => observeHost(engine, host));
  return new Map(answers.flatMap((answer, index) => (answer.ok ? [] : [[hosts[index] ?? '', answer.error] as const])));
}

const describe = (host: HostName, error: unknown): string[] => {
  const message = error instanceof Error ? error.message : String(error);
  const evidence = error instanceof KbinError ? error.evidence.map((line) => `    ${line}`) : [];
  return [`${host}: ${message}`, ...evidence];
};

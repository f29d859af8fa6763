import { KbinError } from '../errors.ts';
import type { Host, HostName } from '../model/inventory.ts';
import type { Connection, Connector } from '../model/ports.ts';

/** The kept connections of one run: one a host, opened when first needed, opened again after a loss. */
export class Fleet {
  readonly #connector: Connector;
  readonly #hosts: ReadonlyMap<HostName, Host>;
  readonly #open = new Map<HostName, Promise<Connection>>();

  constructor(connector: Connector, hosts: readonly Host[]) {
    this.#connector = connector;
    this.#hosts = new Map(hosts.map((host) => [host.name, host]));
  }

  /** The connection to a host. Throws what the connector throws, and KbinError USAGE for a name that is not there. */
  async connection(name: HostName): Promise<Connection> {
    const kept = await this.#open.get(name)?.catch(() => undefined);
    if (kept?.isOpen === true) return kept;
    const pending = this.#open.get(name);
    if (pending !== undefined && kept === undefined) this.#open.delete(name);
    const host = this.#hosts.get(name);
    if (host === undefined) throw new KbinError('USAGE', `no host "${name}" in the inventory`);
    // Another caller may have reopened it while this one waited.
    const current = this.#open.get(name);
    if (current !== undefined && current !== pending) return current;
    const opened = this.#connector.connect(host);
    this.#open.set(name, opened);
    return opened;
  }

  async close(): Promise<void> {
    const connections = await Promise.allSettled(this.#open.values());
    this.#open.clear();
    await Promise.allSettled(
      connections.flatMap((result) => (result.status === 'fulfilled' ? [result.value.close()] : [])),
    );
  }
}

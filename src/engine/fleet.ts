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
    const kept = this.#open.get(name);
    if (kept !== undefined) {
      const connection = await kept.catch(() => undefined);
      if (connection?.isOpen === true) return connection;
      // Another caller may have opened it again while this one waited.
      const current = this.#open.get(name);
      if (current !== undefined && current !== kept) return current;
    }
    const host = this.#hosts.get(name);
    if (host === undefined) throw new KbinError('USAGE', `no host "${name}" in the inventory`);
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

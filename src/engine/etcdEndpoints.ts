import { hostsWith, type HostName, type Inventory } from '../model/inventory.ts';
import type { PkiStore } from '../model/ports.ts';
import type { Connections } from './apiClient.ts';
import type { HttpTarget } from './httpStreams.ts';
import { endpointTarget, etcdTls, memberTarget } from './probes/etcd.ts';

export interface EtcdSource {
  inventory: Inventory;
  fleet: Connections;
  pki: PkiStore;
}

/** A way to ask one member of etcd. */
export interface EtcdEndpoint {
  /** Through which it is asked: the member's own, or a control plane where etcd is not kbin's. */
  host: HostName;
  /** For people: the host, or the client URL where etcd is not kbin's. */
  label: string;
  /** Throws what opening the connection throws. */
  open: () => Promise<HttpTarget>;
}

/** Members of the cluster's etcd each through its own host, endpoints of somebody else's through the control planes. */
export async function etcdEndpoints({ inventory, fleet, pki }: EtcdSource): Promise<EtcdEndpoint[]> {
  const tls = await etcdTls(pki, inventory);
  const { external } = inventory.etcd;
  if (external === undefined) {
    return hostsWith(inventory, 'etcd').map(({ name: host }) => ({
      host,
      label: host,
      open: async () => memberTarget(await fleet.connection(host), tls),
    }));
  }
  return hostsWith(inventory, 'control-plane').flatMap(({ name: host }) =>
    external.endpoints.map((endpoint) => ({
      host,
      label: endpoint,
      open: async () => endpointTarget(await fleet.connection(host), endpoint, tls),
    })),
  );
}

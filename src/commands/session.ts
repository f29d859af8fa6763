import { randomBytes } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { CacheStore } from '../cache/store.ts';
import { desired } from '../desired/desired.ts';
import type { Engine } from '../engine/engine.ts';
import { Fleet } from '../engine/fleet.ts';
import { realWorld } from '../engine/world.ts';
import type { Emit } from '../model/event.ts';
import type { Inventory } from '../model/inventory.ts';
import type { Clock, PkiStore } from '../model/ports.ts';
import { cacheFolder, pkiFolder, readCertificateCatalog, readTemplates } from '../paths.ts';
import { parseCatalog } from '../pki/catalog.ts';
import { withExternalEtcd } from '../pki/externalEtcd.ts';
import { openPkiStore } from '../pki/store.ts';
import { createConnector } from '../ssh/connector.ts';

/** The one clock of a process. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  pause: async (milliseconds, signal) => {
    await pause(milliseconds, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
  },
};

export const runId = (): string =>
  `${new Date().toISOString().replace(/[-:]/g, '').slice(0, 15)}-${randomBytes(3).toString('hex')}`;

export interface SessionOptions {
  inventory: Inventory;
  parallel: number;
  emit: Emit;
  signal: AbortSignal;
  /** Identity of the run: see `runId`. */
  run: string;
}

function storeOf({ cluster, etcd }: Inventory): PkiStore {
  const store = openPkiStore(pkiFolder(cluster));
  return etcd.external === undefined ? store : withExternalEtcd(store, etcd.external);
}

/** An engine with the real edges: SSH, local disk, the clock. Close its fleet when done. */
export async function openEngine({
  inventory,
  parallel,
  emit,
  signal,
  run,
}: SessionOptions): Promise<{ engine: Engine; fleet: Fleet }> {
  const [templates, catalog] = await Promise.all([readTemplates(), readCertificateCatalog()]);
  const connector = createConnector({
    warn: (message, host) => {
      emit({ type: 'warning', message, host, at: systemClock.now() });
    },
  });
  const fleet = new Fleet(connector, inventory.hosts);
  const grounds = {
    inventory,
    desired: desired(inventory, templates),
    rows: parseCatalog(catalog),
    pki: storeOf(inventory),
    cache: new CacheStore(cacheFolder()),
    clock: systemClock,
    emit,
    operator: { who: userInfo().username, from: hostname() },
    run,
    parallel,
    signal,
  };
  return { engine: { ...grounds, world: realWorld(grounds, fleet) }, fleet };
}

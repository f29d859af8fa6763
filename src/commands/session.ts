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
import type { Clock, Pki } from '../model/ports.ts';
import { cacheFolder, pkiFolder, readCertificateCatalog, readTemplates } from '../paths.ts';
import { withAuditWebhook } from '../pki/auditWebhook.ts';
import { parseCatalog } from '../pki/catalog.ts';
import { withExternalEtcd } from '../pki/externalEtcd.ts';
import type { Unlock } from '../pki/lock.ts';
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
  /** Opens locked CA keys; without it nothing can be issued in a locked store. */
  unlock?: Unlock;
}

/** The cluster's store, and beside its own certificates the files of the operator that hosts get. */
function storeOf({ cluster, etcd, audit }: Inventory, unlock?: Unlock): Pki {
  const own = openPkiStore(pkiFolder(cluster), unlock === undefined ? {} : { unlock });
  const store = etcd.external === undefined ? own : withExternalEtcd(own, etcd.external);
  return audit.enabled && audit.webhook !== undefined ? withAuditWebhook(store, audit.webhook.configFile) : store;
}

/** An engine with the real edges: SSH, local disk, the clock. Close its fleet when done. */
export async function openEngine({
  inventory,
  parallel,
  emit,
  signal,
  run,
  unlock,
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
    pki: storeOf(inventory, unlock),
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

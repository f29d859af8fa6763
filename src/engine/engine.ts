import type { Emit } from '../model/event.ts';
import type { ApiFacts } from '../model/facts.ts';
import type { HostName, Inventory } from '../model/inventory.ts';
import type { ArtifactCache, Clock, Pki } from '../model/ports.ts';
import type { Desired } from '../model/resource.ts';
import type { CatalogRow } from '../pki/catalog.ts';
import type { Api } from './api.ts';
import type { StoredHeads } from './etcdValues.ts';
import type { GateAsked } from './gate.ts';
import type { HostPort } from './host.ts';

/** Who runs kbin, for the lock and the audit record. */
export interface Operator {
  who: string;
  from: string;
}

/** The cluster as the engine sees it: hosts, their API, their gates. */
export interface World {
  host(name: HostName): HostPort;
  /** The API through control planes that have not failed. */
  api(failed: {
    has(host: HostName): boolean;
  }): Pick<
    Api,
    'serverSideApply' | 'applyNodeSettings' | 'list' | 'mergePatch' | 'patchAsRead' | 'remove' | 'get' | 'rewrite'
  >;
  /** What etcd holds itself. */
  storedHeads: StoredHeads;
  /** The host among these whose member leads etcd; undefined when none says so. */
  etcdLeader(members: readonly HostName[]): Promise<HostName | undefined>;
  /** Hands the leadership of etcd to one of the others where this host has it. Throws TIMEOUT, STEP, CONNECT. */
  yieldLeadership(host: HostName, others: readonly HostName[]): Promise<void>;
  /** State of the objects that kbin keeps; null when no apiserver answers. `serving`: control planes to ask. */
  observeApi(serving: readonly HostName[]): Promise<ApiFacts | null>;
  /** Resolves when the gate is passed; throws GATE, or INTERRUPTED when the signal is aborted. */
  passGate(wave: GateAsked, signal: AbortSignal): Promise<void>;
}

/** Everything a run needs; the edges of the world are ports. */
export interface Engine {
  inventory: Inventory;
  desired: Desired;
  rows: readonly CatalogRow[];
  world: World;
  pki: Pki;
  cache: ArtifactCache;
  clock: Clock;
  emit: Emit;
  operator: Operator;
  /** Identity of this run: staging directories, lock, audit record. */
  run: string;
  /** Hosts worked on at once. */
  parallel: number;
  /** Aborted when the operator interrupts: nothing more is started, what is under way on hosts is finished. */
  signal: AbortSignal;
}

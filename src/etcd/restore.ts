import { createReadStream } from 'node:fs';
import { phaseNamed } from '../catalog/phases.ts';
import { PLACES } from '../catalog/places.ts';
import type { Engine } from '../engine/engine.ts';
import { ClusterLock } from '../engine/lock.ts';
import { KbinError } from '../errors.ts';
import { hostsWith, type HostName } from '../model/inventory.ts';
import type { PhaseName } from '../model/phase.ts';
import {
  endRestoreScript,
  lookAtRestoresScript,
  parseRestores,
  placeSnapshotScript,
  startUnitsScript,
  stopUnitsScript,
  swapMemberScript,
  undoSwapScript,
  unpackSnapshotScript,
  type RestoresFacts,
  type RestoreState,
} from '../remote/etcdRestore.ts';
import { onEach, runOn, type EtcdGround } from './hosts.ts';
import { memberUrl } from './members.ts';

/** REFERENCE 4: far more than a cluster writes between a snapshot and its loss. */
const BUMP_REVISION = 1_000_000_000;
const ETCD = 'etcd.service';
const APISERVER = 'kube-apiserver.service';
/** Whoever keeps what it has read: without a restart it would never see that the world went back. */
const CACHING: readonly { units: readonly string[]; gates: readonly PhaseName[] }[] = [
  { units: ['kube-controller-manager.service', 'kube-scheduler.service'], gates: ['controllers'] },
  { units: ['kubelet.service', 'kube-proxy.service', 'flanneld.service'], gates: ['node', 'network', 'addons'] },
];
const PLACE_SECONDS = 3600;
/** A database of some GiB on a slow disk. */
const UNPACK_SECONDS = 1800;
/** Restoring copies the database once more, and the log of the new member grows beside the old one. */
const ROOM = 2.2;

/** A snapshot on the operator's disk that was proved. */
export interface ProvedSnapshot {
  path: string;
  bytes: number;
  /** Of the whole file, hex. */
  sha256: string;
  revision?: number;
}

export interface RestoreOptions {
  /** How long every gate waits, instead of its own limit. */
  gateSeconds?: number;
}

const namesOf = ({ inventory }: Engine, role: 'etcd' | 'control-plane'): HostName[] =>
  hostsWith(inventory, role).map(({ name }) => name);

/** Units of a host that its inventory entry gives it, of these. */
const ownUnits = ({ desired }: Engine, host: HostName, units: readonly string[]): string[] =>
  units.filter((unit) => desired.hosts[host]?.some((resource) => resource.kind === 'unit' && resource.name === unit));

const wordOf = ({ sha256 }: ProvedSnapshot): string => sha256.slice(0, 12);

/** What is on the members' hosts. Every one of them must answer: one with the old data must not come back later. */
export const lookAtRestores = (ground: EtcdGround): Promise<Map<HostName, RestoresFacts>> =>
  onEach(ground, namesOf(ground.engine, 'etcd'), async (host) => {
    const facts = parseRestores(await runOn(ground, host, { script: lookAtRestoresScript() }));
    if (facts.truncated) throw new KbinError('CONNECT', `${host}: the end of its answer is missing`, { host });
    return facts;
  });

/** Id of the one restore that has not ended; undefined when there is none. Throws REFUSED for several. */
export function restoreUnderWay(facts: ReadonlyMap<HostName, RestoresFacts>): string | undefined {
  const open = new Set(
    [...facts.values()].flatMap(({ restores }) => restores.filter(({ isEnded }) => !isEnded).map(({ run }) => run)),
  );
  if (open.size <= 1) return [...open][0];
  throw new KbinError('REFUSED', `${open.size} restores are under way: ${[...open].join(', ')}`, {
    hint: `Look into ${PLACES.etcdData}/.kbin-restore on the members, and take away the one that is not meant.`,
  });
}

function assertRoom(facts: ReadonlyMap<HostName, RestoresFacts>, { bytes }: ProvedSnapshot, run: string): void {
  const isThere = ({ restores }: RestoresFacts): boolean =>
    restores.some((restore) => restore.run === run && (restore.isUnpacked || restore.isSwapped));
  const short = [...facts].filter(([, own]) => !isThere(own) && own.freeBytes < bytes * ROOM);
  if (short.length === 0) return;
  throw new KbinError('PREFLIGHT', `${short.map(([host]) => host).join(', ')}: too little room in ${PLACES.etcdData}`, {
    evidence: short.map(
      ([host, { freeBytes }]) => `${host}: ${freeBytes} bytes free, ${Math.ceil(bytes * ROOM)} needed`,
    ),
    hint: 'Make room; old members lie in .kbin-restore there. Nothing was changed.',
  });
}

/** The id of this restore: that of one under way with the same snapshot, or a new one. */
function runFor(engine: Engine, facts: ReadonlyMap<HostName, RestoresFacts>, snapshot: ProvedSnapshot): string {
  const open = restoreUnderWay(facts);
  if (open === undefined) return `${engine.run}-${wordOf(snapshot)}`;
  const isTakenBack = ({ run, isEnded, isSwapped }: RestoreState): boolean => run === open && isEnded && !isSwapped;
  if ([...facts.values()].some(({ restores }) => restores.some(isTakenBack)))
    throw new KbinError('REFUSED', `the restore ${open} is being taken back`, {
      hint: 'Go on with that: kbin etcd restore --undo.',
    });
  if (open.endsWith(wordOf(snapshot))) return open;
  throw new KbinError('REFUSED', `a restore of another snapshot is under way (${open})`, {
    hint: 'End it with that snapshot, or go back: kbin etcd restore --undo.',
  });
}

/** Steps of a restore; each may be done again. */
class Restore {
  readonly #ground: EtcdGround;
  readonly #lock: ClusterLock;
  readonly #options: RestoreOptions;
  readonly #members: readonly HostName[];
  readonly #planes: readonly HostName[];

  constructor(ground: EtcdGround, lock: ClusterLock, options: RestoreOptions) {
    this.#ground = ground;
    this.#lock = lock;
    this.#options = options;
    this.#members = namesOf(ground.engine, 'etcd');
    this.#planes = namesOf(ground.engine, 'control-plane');
  }

  async #each(title: string, hosts: readonly HostName[], script: (host: HostName) => string): Promise<void> {
    this.#stopIfAsked();
    await this.#lock.assertStillHeld();
    this.#ground.tell(title);
    await onEach(this.#ground, hosts, (host) => runOn(this.#ground, host, { script: script(host) }));
  }

  #stopIfAsked(): void {
    if (!this.#ground.engine.signal.aborted) return;
    throw new KbinError('INTERRUPTED', 'the restore was interrupted', {
      hint: 'Run the same command again to go on, or with --undo to go back.',
    });
  }

  /** Everything that takes long and touches nothing. */
  async prepare(snapshot: ProvedSnapshot, run: string): Promise<void> {
    const { engine, tell } = this.#ground;
    tell(`sending ${snapshot.bytes} bytes to ${this.#members.join(', ')}`);
    await onEach(this.#ground, this.#members, (host) =>
      runOn(this.#ground, host, {
        script: placeSnapshotScript({ run, sha256: snapshot.sha256 }),
        input: createReadStream(snapshot.path),
        timeoutSeconds: PLACE_SECONDS,
      }),
    );
    this.#stopIfAsked();
    tell(`unpacking it beside the data of ${this.#members.join(', ')}`);
    const initialCluster = hostsWith(engine.inventory, 'etcd')
      .map((host) => `${host.name}=${memberUrl(host)}`)
      .join(',');
    const shared = {
      run,
      initialCluster,
      token: `kbin-${engine.inventory.cluster}-${run}`,
      bumpRevision: BUMP_REVISION,
      owner: 'etcd:etcd',
      etcdutl: `${engine.inventory.binDir}/etcdutl`,
    };
    await onEach(
      this.#ground,
      hostsWith(engine.inventory, 'etcd').map(({ name }) => name),
      (name) => {
        const host = engine.inventory.hosts.find((one) => one.name === name);
        const script = unpackSnapshotScript({ ...shared, name, peerUrl: host === undefined ? '' : memberUrl(host) });
        return runOn(this.#ground, name, { script, timeoutSeconds: UNPACK_SECONDS });
      },
    );
  }

  async stop(): Promise<void> {
    await this.#each('stopping the API servers', this.#planes, () => stopUnitsScript([APISERVER]));
    await this.#each('stopping etcd', this.#members, () => stopUnitsScript([ETCD]));
  }

  swap(run: string): Promise<void> {
    return this.#each('putting the restored data in place; the old data is kept', this.#members, () =>
      swapMemberScript(run),
    );
  }

  swapBack(run: string): Promise<void> {
    return this.#each('putting the old data back; the restored data is kept', this.#members, () => undoSwapScript(run));
  }

  /** Starts everything that reads etcd or keeps what it has read, each behind its gate. */
  async start(): Promise<void> {
    await this.#each('starting etcd', this.#members, () => startUnitsScript([ETCD], 'start'));
    await this.#gate('etcd', this.#members);
    await this.#each('starting the API servers', this.#planes, () => startUnitsScript([APISERVER], 'restart'));
    await this.#gate('apiserver', this.#planes);
    const { engine } = this.#ground;
    for (const { units, gates } of CACHING) {
      const hosts = engine.inventory.hosts
        .map(({ name }) => name)
        .filter((host) => ownUnits(engine, host, units).length > 0);
      await this.#each(`restarting ${units.map((unit) => unit.replace('.service', '')).join(', ')}`, hosts, (host) =>
        startUnitsScript(ownUnits(engine, host, units), 'restart'),
      );
      for (const phase of gates) await this.#gate(phase, hosts);
    }
  }

  end(run: string): Promise<void> {
    return this.#each('removing the copies of the snapshot', this.#members, () => endRestoreScript(run));
  }

  async #gate(phase: PhaseName, hosts: readonly HostName[]): Promise<void> {
    const { gate } = phaseNamed(phase);
    const { world, signal } = this.#ground.engine;
    if (gate === undefined || hosts.length === 0) return;
    const withinSeconds = this.#options.gateSeconds ?? gate.withinSeconds;
    await world.passGate({ wave: `restore/${phase}`, phase, gate: { ...gate, withinSeconds }, hosts }, signal);
  }
}

async function locked<T>(ground: EtcdGround, work: (lock: ClusterLock) => Promise<T>): Promise<T> {
  const lock = await ClusterLock.acquire(ground.engine, new Set(namesOf(ground.engine, 'control-plane')));
  try {
    return await work(lock);
  } finally {
    await lock.release();
  }
}

/**
 * Puts a snapshot in the place of everything that etcd holds (REFERENCE 4). Until all API servers and members are stopped
 * nothing is touched; the old data is kept. Interrupted anywhere, the same call goes on, and `undoRestore` goes back.
 * Returns the id of the restore.
 * @throws KbinError REFUSED, PREFLIGHT before anything is changed; STEP, GATE, CONNECT with what to do.
 */
export function restore(ground: EtcdGround, snapshot: ProvedSnapshot, options: RestoreOptions = {}): Promise<string> {
  return locked(ground, async (lock) => {
    const facts = await lookAtRestores(ground);
    const run = runFor(ground.engine, facts, snapshot);
    assertRoom(facts, snapshot, run);
    const work = new Restore(ground, lock, options);
    await work.prepare(snapshot, run);
    await work.stop();
    await work.swap(run);
    await work.start();
    await work.end(run);
    return run;
  });
}

/** The restore that can be taken back: the one under way, or the latest that has ended with the old data kept. */
export function undoable(facts: ReadonlyMap<HostName, RestoresFacts>): string | undefined {
  const open = restoreUnderWay(facts);
  if (open !== undefined) return open;
  const isKept = ({ isSwapped, hasOld }: RestoreState): boolean => isSwapped && hasOld;
  const runs = [...facts.values()].flatMap(({ restores }) => restores.filter(isKept).map(({ run }) => run));
  return runs.sort().at(-1);
}

/** Goes back to what etcd held before a restore; what was written since is kept aside. Returns the id of the restore. */
export function undoRestore(ground: EtcdGround, options: RestoreOptions = {}): Promise<string> {
  return locked(ground, async (lock) => {
    const run = undoable(await lookAtRestores(ground));
    if (run === undefined)
      throw new KbinError('REFUSED', 'there is no restore to take back', {
        hint: `Old data would lie in ${PLACES.etcdData}/.kbin-restore on the members.`,
      });
    const work = new Restore(ground, lock, options);
    await work.stop();
    await work.swapBack(run);
    await work.start();
    return run;
  });
}

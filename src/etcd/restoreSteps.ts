import { createReadStream } from 'node:fs';
import { phaseNamed } from '../catalog/phases.ts';
import type { Engine } from '../engine/engine.ts';
import type { ClusterLock } from '../engine/lock.ts';
import { restartWorkloads } from '../engine/workloads.ts';
import { KbinError } from '../errors.ts';
import { hostsWith, type HostName } from '../model/inventory.ts';
import type { PhaseName } from '../model/phase.ts';
import type { Command } from '../model/ports.ts';
import {
  endRestoreScript,
  markRestoringScript,
  placeSnapshotScript,
  startUnitsScript,
  stopUnitsScript,
  swapMemberScript,
  undoSwapScript,
  unpackSnapshotScript,
} from '../remote/etcdRestore.ts';
import { namesOf, onEach, runOn, type EtcdGround } from './hosts.ts';
import { memberUrl } from './members.ts';
import type { ProvedSnapshot } from './restoreState.ts';

/** REFERENCE 4: far more than a cluster writes between a snapshot and its loss. */
const BUMP_REVISION = 1_000_000_000;
const ETCD = 'etcd.service';
const APISERVER = 'kube-apiserver.service';
/** What is told of each step; fenced ones change what runs, and only the holder of the lock may. */
const STEPS = {
  place: { title: 'sending the snapshot', isFenced: false },
  unpack: { title: 'unpacking it beside the data that is there', isFenced: false },
  mark: { title: 'keeping deploys away', isFenced: true },
  'stop-apiservers': { title: 'stopping the API servers', isFenced: true },
  'stop-etcd': { title: 'stopping etcd', isFenced: true },
  swap: { title: 'putting the restored data in place; the old data is kept', isFenced: true },
  'swap-back': { title: 'putting the old data back; the restored data is kept', isFenced: true },
  'start-etcd': { title: 'starting etcd', isFenced: true },
  'start-apiservers': { title: 'starting the API servers', isFenced: true },
  controllers: { title: 'restarting controllers and scheduler', isFenced: true },
  nodes: { title: 'restarting kubelets, proxies and the pod network', isFenced: true },
  end: { title: 'removing the copies of the snapshot', isFenced: true },
} as const;
type Step = keyof typeof STEPS;

/** Whoever keeps what it has read: without a restart it would never see that the world went back. */
const CACHING: readonly { step: Step; units: readonly string[]; gates: readonly PhaseName[] }[] = [
  {
    step: 'controllers',
    units: ['kube-controller-manager.service', 'kube-scheduler.service'],
    gates: ['controllers'],
  },
  {
    step: 'nodes',
    units: ['kubelet.service', 'kube-proxy.service', 'flanneld.service'],
    gates: ['node', 'network', 'addons'],
  },
];
const PLACE_SECONDS = 3600;
/** A database of some GiB on a slow disk. */
const UNPACK_SECONDS = 1800;
export interface RestoreOptions {
  /** How long every gate waits, instead of its own limit. */
  gateSeconds?: number;
}

/** Units of a host that its inventory entry gives it, of these. */
const ownUnits = ({ desired }: Engine, host: HostName, units: readonly string[]): string[] =>
  units.filter((unit) => desired.hosts[host]?.some((resource) => resource.kind === 'unit' && resource.name === unit));

/** Steps of a restore; each may be done again. */
export class RestoreSteps {
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

  /** One step on several hosts at once. */
  async #each(step: Step, hosts: readonly HostName[], command: (host: HostName) => Command): Promise<void> {
    const { engine, tell } = this.#ground;
    this.#stopIfAsked();
    if (STEPS[step].isFenced) await this.#lock.assertStillHeld();
    tell(`${STEPS[step].title}: ${hosts.join(', ')}`);
    await onEach(this.#ground, hosts, async (host) => {
      await runOn(this.#ground, host, command(host));
      engine.emit({
        type: 'step',
        step: `${host}/restore/${step}`,
        host,
        verb: step,
        result: 'done',
        at: engine.clock.now(),
      });
    });
  }

  #stopIfAsked(): void {
    if (!this.#ground.engine.signal.aborted) return;
    throw new KbinError('INTERRUPTED', 'the restore was interrupted', {
      hint: 'Run the same command again to go on, or with --undo to go back.',
    });
  }

  /** Everything that takes long and touches nothing. */
  async prepare(snapshot: ProvedSnapshot, run: string): Promise<void> {
    const { engine } = this.#ground;
    await this.#each('place', this.#members, () => ({
      script: placeSnapshotScript({ run, sha256: snapshot.sha256 }),
      input: createReadStream(snapshot.path),
      timeoutSeconds: PLACE_SECONDS,
    }));
    const hosts = hostsWith(engine.inventory, 'etcd');
    const urls = new Map(hosts.map((host) => [host.name, memberUrl(host)]));
    const shared = {
      run,
      initialCluster: [...urls].map(([name, url]) => `${name}=${url}`).join(','),
      token: `kbin-${engine.inventory.cluster}-${run}`,
      bumpRevision: BUMP_REVISION,
      owner: 'etcd:etcd',
      etcdutl: `${engine.inventory.binDir}/etcdutl`,
    };
    await this.#each('unpack', this.#members, (name) => ({
      script: unpackSnapshotScript({ ...shared, name, peerUrl: urls.get(name) ?? '' }),
      timeoutSeconds: UNPACK_SECONDS,
    }));
  }

  mark(run: string): Promise<void> {
    return this.#each('mark', this.#members, () => ({ script: markRestoringScript(run) }));
  }

  async stop(): Promise<void> {
    await this.#each('stop-apiservers', this.#planes, () => ({ script: stopUnitsScript([APISERVER]) }));
    await this.#each('stop-etcd', this.#members, () => ({ script: stopUnitsScript([ETCD]) }));
  }

  swap(run: string): Promise<void> {
    return this.#each('swap', this.#members, () => ({ script: swapMemberScript(run) }));
  }

  swapBack(run: string): Promise<void> {
    return this.#each('swap-back', this.#members, () => ({ script: undoSwapScript(run) }));
  }

  /** Starts everything that reads etcd or keeps what it has read, each behind its gate. */
  async start(): Promise<void> {
    await this.#each('start-etcd', this.#members, () => ({ script: startUnitsScript([ETCD], 'queue') }));
    await this.#gate('etcd', this.#members);
    await this.#each('start-apiservers', this.#planes, () => ({ script: startUnitsScript([APISERVER], 'restart') }));
    await this.#gate('apiserver', this.#planes);
    for (const { step, units, gates } of CACHING) await this.#restartCaching(step, units, gates);
  }

  async #restartCaching(step: Step, units: readonly string[], gates: readonly PhaseName[]): Promise<void> {
    const { engine } = this.#ground;
    const names = engine.inventory.hosts.map(({ name }) => name);
    const hosts = names.filter((host) => ownUnits(engine, host, units).length > 0);
    await this.#each(step, hosts, (host) => ({ script: startUnitsScript(ownUnits(engine, host, units), 'restart') }));
    // CoreDNS goes on with what it had read until its watch breaks, and would answer for what is no more.
    if (gates.includes('addons'))
      await restartWorkloads(engine.world.api(new Set()), { startedAt: engine.clock.now() }, false);
    for (const phase of gates) await this.#gate(phase, hosts);
  }

  end(run: string): Promise<void> {
    return this.#each('end', this.#members, () => ({ script: endRestoreScript(run) }));
  }

  async #gate(phase: PhaseName, hosts: readonly HostName[]): Promise<void> {
    const { gate } = phaseNamed(phase);
    const { world, signal } = this.#ground.engine;
    if (gate === undefined || hosts.length === 0) return;
    const withinSeconds = this.#options.gateSeconds ?? gate.withinSeconds;
    await world.passGate({ wave: `restore/${phase}`, phase, gate: { ...gate, withinSeconds }, hosts }, signal);
  }
}

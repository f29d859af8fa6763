import { phaseNamed } from '../catalog/phases.ts';
import { ROTATIONS, stageWord } from '../catalog/rotations.ts';
import { hasRole, hostsWith, isNode, type Host, type HostName } from '../model/inventory.ts';
import type { ProbeName } from '../model/phase.ts';
import type { Rotation } from '../model/pki.ts';
import type { Engine } from './engine.ts';
import { interrupted } from './interruption.ts';
import { PUBLISHED_AUTHORITIES, publishedAuthorities } from './publishedAuthorities.ts';
import { rewriteStored } from './rewrite.ts';
import { restartWorkloads } from './workloads.ts';

/** How the gates of a rotation are passed. */
export interface GateOptions {
  /** Roll the pods of every workload, not only kbin's own, when they must notice a new authority. */
  restartsWorkloads?: boolean;
  /** What the operator should know between the stages. */
  tell: (line: string) => void;
  /** How long every gate waits, instead of its own limit. */
  gateSeconds?: number;
}

/** Hosts that these gates ask; the others ask all. */
const ASKED: Partial<Record<ProbeName, (host: Host) => boolean>> = {
  tokens: isNode,
  'root-ca': isNode,
  encrypted: (host) => hasRole(host, 'control-plane'),
};

/** Hosts that the gates of a rotation ask. */
function hostsAsked(engine: Engine, probe: ProbeName): HostName[] {
  const { inventory } = engine;
  return inventory.hosts.filter(ASKED[probe] ?? (() => true)).map((host) => host.name);
}

async function roll(
  engine: Engine,
  rotation: Rotation,
  { tell, restartsWorkloads = false }: GateOptions,
): Promise<void> {
  const paths = await restartWorkloads(engine.world.api(new Set()), rotation, restartsWorkloads);
  for (const path of paths) tell(`restarted for its API client: ${path}`);
  if (restartsWorkloads) return;
  tell('Your own pods that talk to the API and read its authority only once must be restarted before the stage sign');
  tell('(--stage trust stops here; --restart-workloads restarts every Deployment, StatefulSet and DaemonSet).');
}

/** Takes the old authorities out of what kube-apiservers publish and never shorten. */
async function publish({ world, pki }: Engine): Promise<void> {
  await world.api(new Set()).mergePatch(PUBLISHED_AUTHORITIES, { data: await publishedAuthorities(pki) });
}

/** What has to be done between two gates of a stage, by the gate that sees whether it was. */
const BEFORE_GATE: Partial<
  Record<ProbeName, (engine: Engine, rotation: Rotation, options: GateOptions) => Promise<void>>
> = {
  rollouts: roll,
  'published-authorities': publish,
  encrypted: (engine, _, { tell }) => rewriteStored(engine, tell),
};

const SETTLE_POLL_MILLISECONDS = 1000;

/** Waits for what no probe can see. Throws INTERRUPTED when the operator does not want to. */
async function settle(
  { clock, signal }: Engine,
  rotation: Rotation,
  { tell, gateSeconds }: GateOptions,
): Promise<void> {
  const wanted = ROTATIONS[rotation.name]?.settles?.[rotation.stage];
  if (wanted === undefined) return;
  const seconds = Math.min(wanted.seconds, gateSeconds ?? wanted.seconds);
  tell(`waiting ${seconds} s: ${wanted.why}`);
  const end = clock.monotonic() + seconds * 1000;
  while (clock.monotonic() < end) {
    if (signal.aborted) throw interrupted(stageWord(rotation.name, rotation.stage));
    await clock.pause(SETTLE_POLL_MILLISECONDS, signal);
  }
}

/** What has to hold after the deploy of a stage. Throws GATE. */
export async function passGates(engine: Engine, rotation: Rotation, options: GateOptions): Promise<void> {
  const { gateSeconds } = options;
  const row = ROTATIONS[rotation.name];
  for (const probe of row?.gates[rotation.stage] ?? []) {
    await BEFORE_GATE[probe]?.(engine, rotation, options);
    const gate = {
      probe,
      need: 'all' as const,
      withinSeconds: gateSeconds ?? row?.withinSeconds ?? 0,
      units: hostsWith(engine.inventory, 'control-plane').length > 0 ? ['kube-apiserver.service'] : [],
    };
    const wave = `${row?.title ?? rotation.name}, ${stageWord(rotation.name, rotation.stage)}: ${probe}`;
    await engine.world.passGate({ wave, phase: 'certificates', gate, hosts: hostsAsked(engine, probe) }, engine.signal);
  }
  await settle(engine, rotation, options);
}

/** What the last deploy of a stage ends with: pods run, and reach each other. Throws GATE. */
export async function proveCluster(engine: Engine, { gateSeconds }: Pick<GateOptions, 'gateSeconds'>): Promise<void> {
  const { gate, name } = phaseNamed('addons');
  if (gate === undefined) return;
  const asked = { ...gate, ...(gateSeconds === undefined ? {} : { withinSeconds: gateSeconds }) };
  const hosts = engine.inventory.hosts.filter(isNode).map((host) => host.name);
  await engine.world.passGate({ wave: name, phase: name, gate: asked, hosts }, engine.signal);
}

import { hostSteps } from '../plan/hostSteps.ts';
import { ownedPaths } from '../plan/owned.ts';
import { resolvedInputs } from '../plan/unitNeeds.ts';
import { ConnectionLost, KbinError, type ErrorCode } from '../errors.ts';
import { unitStamp } from '../model/digest.ts';
import type { Facts, Owned } from '../model/facts.ts';
import type { HostName } from '../model/inventory.ts';
import type { PhaseName } from '../model/phase.ts';
import type { Action, Step } from '../model/plan.ts';
import type { Body, Resource } from '../model/resource.ts';
import type { ApplyBody, ApplyFailure, ApplyResult } from '../remote/apply.ts';
import { isLost } from './askAgain.ts';
import type { Engine } from './engine.ts';
import { observeHost } from './observe.ts';
import { unsettledBy } from './unsettled.ts';

/** A host that loses its connection this often in one wave is out. */
const RECONNECTS = 3;

export interface ApplyContext {
  engine: Engine;
  /** Fencing token of the cluster lock. */
  token: number;
  facts: Facts;
  clusterId: string;
  /** Unit steps of the whole run: what one wave changes, another may restart. */
  unitSteps: ReadonlyMap<HostName, readonly Step[]>;
}

async function bytesOf(engine: Engine, body: Body): Promise<Buffer> {
  if ('text' in body) return Buffer.from(body.text);
  const refs = 'secret' in body ? [body.secret] : body.concat;
  const parts = await Promise.all(refs.map((ref) => engine.pki.read(ref)));
  return Buffer.from(parts.map((part) => part.reveal()).join(''));
}

async function bodyOf(engine: Engine, step: Step): Promise<ApplyBody | undefined> {
  const { action } = step;
  if (action.do === 'file') return { content: await bytesOf(engine, action.file.body) };
  if (action.do !== 'pair') return undefined;
  const { certificate } = action.pair;
  const [crt, key] = await Promise.all([
    engine.pki.read({ certificate, part: 'certificate' }),
    engine.pki.read({ certificate, part: 'key' }),
  ]);
  return { certificate: Buffer.from(crt.reveal()), key: Buffer.from(key.reveal()) };
}

/** Everything that kbin has written or is about to write on a host. */
export function ownedAfter(context: ApplyContext, host: HostName, resources: readonly Resource[]): Owned {
  const before = context.facts.hosts[host]?.owned;
  const paths = new Set([...(before?.paths ?? []), ...resources.flatMap(ownedPaths)]);
  const units = new Set([
    ...(before?.units ?? []),
    ...resources.flatMap((resource) => (resource.kind === 'unit' ? [resource.name] : [])),
  ]);
  return {
    version: 1,
    cluster: { name: context.engine.inventory.cluster, id: context.clusterId },
    host,
    paths: [...paths].sort(),
    units: [...units].sort(),
  };
}

const FAILURES: Readonly<Record<ApplyFailure['reason'], { code: ErrorCode; hint: string }>> = {
  drift: { code: 'DRIFT', hint: 'Run kbin plan again.' },
  stale: { code: 'STALE', hint: 'Another run took the lock over; look at it before you run again.' },
  failed: { code: 'STEP', hint: 'Mend what the message says and run the same command again.' },
};

function failureOf(host: HostName, failed: ApplyFailure): KbinError {
  const { code, hint } = FAILURES[failed.reason];
  return new KbinError(code, `${failed.step} on ${host}: ${failed.message}`, {
    host,
    step: failed.step,
    hint,
    evidence: failed.journal ?? [],
  });
}

/** An answer without its end says nothing of the steps that it does not name: as good as none. */
function assertWhole(host: HostName, { failed, truncated }: ApplyResult): void {
  if (failed !== undefined) throw failureOf(host, failed);
  if (truncated) throw new ConnectionLost(`${host}: the end of its answer is missing`, true, { host });
}

function stampOf(
  action: Extract<Action, { do: 'unit' }>,
  resources: readonly Resource[],
  { facts }: ApplyContext,
): string {
  const unit = resources.find((resource) => resource.kind === 'unit' && resource.name === action.unit);
  const reloadsOn = unit?.kind === 'unit' ? unit.reloadsOn : undefined;
  return unitStamp(resolvedInputs(action.inputs, resources, facts.local), reloadsOn);
}

async function applyOnce(context: ApplyContext, host: HostName, steps: readonly Step[]): Promise<void> {
  const { engine } = context;
  const resources = engine.desired.hosts[host] ?? [];
  const bodies = new Map<string, ApplyBody>();
  for (const step of steps) {
    const body = await bodyOf(engine, step);
    if (body !== undefined) bodies.set(step.id, body);
  }
  const stamps = new Map(
    steps.flatMap(({ id, action }) =>
      action.do === 'unit' ? [[id, stampOf(action, resources, context)] as const] : [],
    ),
  );
  const owned = ownedAfter(context, host, resources);
  const unsettles = unsettledBy(steps, [...(context.unitSteps.get(host) ?? []), ...steps], resources);
  const { run, world, inventory } = engine;
  const fixed = { host, run, token: context.token, binDir: inventory.binDir };
  const work = { ...fixed, owned, steps: [...steps], bodies, stamps, unsettles };
  const result = await world.host(host).apply(work);
  for (const step of result.done) {
    engine.emit({ type: 'step', step, host, verb: verbOf(steps, step), result: 'done', at: engine.clock.now() });
  }
  assertWhole(host, result);
}

const verbOf = (steps: readonly Step[], id: string): string => steps.find((step) => step.id === id)?.action.do ?? '';

/** Steps of a phase that a host still needs, after looking at it again. */
async function remaining(context: ApplyContext, host: HostName, phase: PhaseName): Promise<Step[]> {
  const facts = await observeHost(context.engine, host);
  const resources = context.engine.desired.hosts[host] ?? [];
  return hostSteps({
    host,
    resources,
    facts,
    local: context.facts.local,
    issued: new Set(),
    now: context.engine.clock.now(),
  }).filter((step) => step.phase === phase && step.action.do !== 'binary');
}

/**
 * Brings one host through one wave. When the connection is lost the outcome is unknown: nothing is replayed, the host
 * is observed again and what is still missing is done.
 */
export async function applyHost(context: ApplyContext, host: HostName, steps: readonly Step[]): Promise<void> {
  let due = steps;
  for (let reconnects = 0; due.length > 0; reconnects += 1) {
    try {
      await applyOnce(context, host, due);
      return;
    } catch (error) {
      const phase = steps[0]?.phase;
      if (!isLost(error) || reconnects >= RECONNECTS || phase === undefined || phase === 'cleanup') throw error;
      due = await remaining(context, host, phase);
    }
  }
}

/** After the cleanup wave: what was removed is no longer owned. */
export async function forget(context: ApplyContext, host: HostName, steps: readonly Step[]): Promise<void> {
  const { engine } = context;
  const removed = new Set(steps.flatMap(({ action }) => (action.do === 'remove' ? [action.path] : [])));
  const stopped = new Set(steps.flatMap(({ action }) => (action.do === 'stop' ? [action.unit] : [])));
  const all = ownedAfter(context, host, engine.desired.hosts[host] ?? []);
  const owned: Owned = {
    ...all,
    paths: all.paths.filter((path) => !removed.has(path)),
    units: all.units.filter((unit) => !stopped.has(unit)),
  };
  await writeOwned(context, owned, []);
}

/** An apply without steps: writes what is owned on a host, and takes back the stamps of these units. */
export async function writeOwned(context: ApplyContext, owned: Owned, unsettles: readonly string[]): Promise<void> {
  const { host } = owned;
  const { run, world } = context.engine;
  const nothing = { steps: [], bodies: new Map<string, ApplyBody>(), stamps: new Map<string, string>() };
  assertWhole(host, await world.host(host).apply({ host, run, token: context.token, owned, unsettles, ...nothing }));
}

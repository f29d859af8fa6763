import { KbinError } from '../errors.ts';
import type { Event } from '../model/event.ts';
import type { Facts } from '../model/facts.ts';
import type { HostName } from '../model/inventory.ts';
import { stepsOf, type Plan } from '../model/plan.ts';
import { assertSamePlan, planDigest } from '../plan/file.ts';
import type { Finding } from '../plan/finding.ts';
import { preflight } from '../plan/preflight.ts';
import { quorumFault } from '../plan/quorum.ts';
import { refusals } from '../plan/refusals.ts';
import type { Engine } from './engine.ts';
import { Failures } from './failures.ts';
import { ClusterLock } from './lock.ts';
import { observe } from './observe.ts';
import { awaitedCertificates, planFor, type PlanOptions } from './planning.ts';
import { Run, type RunOptions, type RunResult } from './run.ts';

export interface Prepared {
  facts: Facts;
  plan: Plan;
  warnings: Finding[];
  /** Hosts that the plan was limited to. */
  limit?: ReadonlySet<HostName>;
}

export interface PrepareOptions extends PlanOptions {
  maxFail: number;
  /** Hash also what is recognized by size, times and inode. */
  deep?: boolean;
}

function stopWhenUnreachable(facts: Facts, { maxFail, limit }: PrepareOptions): void {
  const down = Object.entries(facts.unreachable).filter(([host]) => limit?.has(host) ?? true);
  if (down.length <= maxFail) return;
  const codes = new Set(down.map(([, { code }]) => code));
  const [code] = codes.size === 1 ? codes : ['CONNECT'];
  const hints = [...new Set(down.flatMap(([, { hint }]) => hint ?? []))];
  throw new KbinError(code as KbinError['code'], `${down.length} hosts cannot be observed, ${maxFail} may fail`, {
    evidence: down.flatMap(([host, { message, evidence }]) => [
      `${host}: ${message}`,
      ...evidence.map((text) => `    ${text}`),
    ]),
    // A key that changed or a refused login is never a reason to go on without looking.
    hint:
      code === 'CONNECT' || hints.length !== 1
        ? [...hints, 'Or go on without them: --max-fail.'].join(' ')
        : hints.join(' '),
  });
}

function stopWhenRefused(engine: Engine, facts: Facts): void {
  const found = refusals({ inventory: engine.inventory, facts });
  const [first] = found;
  if (first === undefined) return;
  throw new KbinError('REFUSED', `cluster ${engine.inventory.cluster}: ${first.host} ${first.message}`, {
    host: first.host,
    evidence: found.slice(1).map(({ host, message }) => `${host} ${message}`),
    hint: first.fix,
  });
}

const line = ({ id, hosts, message, fix }: Finding): string =>
  `${hosts.length > 6 ? `${hosts.slice(0, 6).join(', ')} and ${hosts.length - 6} more` : hosts.join(', ')}: ${message} [${id}]. ${fix}`;

function stopWhenUnfit(engine: Engine, facts: Facts, limit: PrepareOptions['limit']): Finding[] {
  const isAbout = ({ hosts }: Finding): boolean => hosts.length === 0 || hosts.some((host) => limit?.has(host) ?? true);
  const findings = preflight({ inventory: engine.inventory, desired: engine.desired, facts }).filter(isAbout);
  const errors = findings.filter((finding) => finding.severity === 'error');
  if (errors.length > 0) {
    throw new KbinError('PREFLIGHT', `preflight found ${errors.length} faults`, {
      evidence: errors.map(line),
      hint: 'Mend them, or name those that are meant so in preflight.ignore.',
    });
  }
  for (const finding of findings) engine.emit({ type: 'warning', message: line(finding), at: engine.clock.now() });
  return findings;
}

/** Stops when a certificate is missing that only an authority outside can sign; tells of those that are due. */
function warnOfAwaited(engine: Engine, facts: Facts, { renew }: PrepareOptions): void {
  const [first, ...others] = awaitedCertificates(engine, facts, renew);
  if (first === undefined) return;
  const more = others.length === 0 ? '' : `, and ${others.length} more`;
  const message = `to be signed outside: ${first}${more}. Ask for new ones in time: kbin certs csr, kbin certs import`;
  engine.emit({ type: 'warning', message, at: engine.clock.now() });
}

function stopWhenQuorumIsAtRisk({ inventory }: Engine, facts: Facts, plan: Plan): void {
  const out = new Set(Object.keys(facts.unreachable));
  for (const wave of plan.waves) {
    const fault = quorumFault({ inventory, facts }, wave, out);
    if (fault === undefined) continue;
    throw new KbinError('REFUSED', fault, { hint: 'Bring them back and run the same command again.' });
  }
}

function sizeOf(plan: Plan, facts: Facts): Omit<Extract<Event, { type: 'planned' }>, 'type' | 'at'> {
  const steps = stepsOf(plan);
  return {
    steps: steps.length,
    waves: plan.waves.length,
    hosts: new Set(steps.map((step) => step.host).filter((host) => facts.hosts[host] !== undefined)).size,
    uploadBytes: steps.reduce((sum, { action }) => sum + ('compressedBytes' in action ? action.compressedBytes : 0), 0),
    planDigest: planDigest(plan),
    ...(plan.clusterId === null ? {} : { clusterId: plan.clusterId }),
  };
}

/**
 * Observes and decides; changes nothing. `kbin plan` and `kbin deploy` share it, so that a plan cannot lie.
 * @throws KbinError CONNECT and its family for unreachable hosts, REFUSED, PREFLIGHT.
 */
export async function prepare(engine: Engine, options: PrepareOptions): Promise<Prepared> {
  const facts = await observe(engine, options.deep);
  stopWhenUnreachable(facts, options);
  stopWhenRefused(engine, facts);
  const warnings = stopWhenUnfit(engine, facts, options.limit);
  warnOfAwaited(engine, facts, options);
  const plan = planFor(engine, facts, options);
  stopWhenQuorumIsAtRisk(engine, facts, plan);
  engine.emit({ type: 'planned', ...sizeOf(plan, facts), at: engine.clock.now() });
  return { facts, plan, warnings, ...(options.limit === undefined ? {} : { limit: options.limit }) };
}

/** Tells only of hosts that fail: what else there is to see was seen the first time. */
const quietly = ({ emit, ...engine }: Engine): Engine => ({
  ...engine,
  emit: (event) => {
    if (event.type === 'host' && event.state === 'failed') emit(event);
  },
});

/**
 * Observes and decides once more, after somebody was asked about a plan: meanwhile others may have changed the hosts.
 * @throws KbinError DRIFT with the steps that came or went, and everything that `prepare` throws.
 */
export async function prepareAgain(engine: Engine, shown: Plan, options: PrepareOptions): Promise<Prepared> {
  const prepared = await prepare(quietly(engine), options);
  try {
    assertSamePlan(shown, prepared.plan, 'the plan above');
  } catch (error) {
    if (!(error instanceof KbinError)) throw error;
    throw new KbinError(error.code, 'the cluster is no longer as it was when you were asked; nothing was changed', {
      evidence: error.evidence,
      hint: 'Run the same command again and look at the new plan.',
    });
  }
  return prepared;
}

/** Executes a plan that was made from these facts, under the cluster lock. */
export async function execute(engine: Engine, prepared: Prepared, options: RunOptions): Promise<RunResult> {
  const { facts, plan, limit } = prepared;
  const allowance = { ...options, ...(limit === undefined ? {} : { limit }) };
  if (plan.waves.length === 0) return { changed: 0, failed: new Failures(facts, allowance).counted() };
  const lock = await ClusterLock.acquire(engine, new Set(Object.keys(facts.hosts)));
  try {
    return await new Run({
      engine,
      plan,
      facts,
      lock,
      options: allowance,
    }).execute();
  } finally {
    await lock.release();
  }
}

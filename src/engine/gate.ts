import { KbinError } from '../errors.ts';
import { hostsWith, type HostName } from '../model/inventory.ts';
import type { Gate } from '../model/phase.ts';
import type { Wave } from '../model/plan.ts';
import { kubernetesApi } from './api.ts';
import { unitEvidence } from './gateEvidence.ts';
import { PROBE_TABLE, type ProbeRow } from './probes/index.ts';
import type { Answer, Answers, ProbeContext } from './probes/probe.ts';
import { served } from './probes/served.ts';

const POLL_MILLISECONDS = 250;
/** A journal of each failing host would bury the message. */
const JOURNALS = 3;
const HOSTS_NAMED = 3;

/** What has to hold before anything later starts. */
export interface GateAsked {
  /** Id of the wave. */
  wave: string;
  phase: Wave['phase'];
  gate: Gate;
  /** Hosts that have to answer: those of the wave that have not failed. */
  hosts: readonly HostName[];
  /** Those whose listeners must present what the store holds. */
  turned?: readonly HostName[];
}

export interface GateContext extends Pick<ProbeContext, 'inventory' | 'fleet' | 'pki' | 'clock' | 'emit'> {
  /** Aborted when nobody waits for the gate any more. */
  signal?: AbortSignal;
}

const textOf = (answer: Answer): string => (answer.ok ? `ok: ${answer.text}` : answer.text);
const failing = (answers: Answers): [HostName, Answer][] => Object.entries(answers).filter(([, answer]) => !answer.ok);

/** Whether the answers of one poll are enough. No answers are never enough. */
export function isSatisfied(answers: Answers, need: Gate['need'], members: number): boolean {
  const all = Object.values(answers);
  const good = all.filter((answer) => answer.ok).length;
  return need === 'all' ? good > 0 && good === all.length : good > Math.max(members, all.length) / 2;
}

const named = (hosts: readonly string[]): string =>
  hosts.length <= HOSTS_NAMED
    ? hosts.join(', ')
    : `${hosts.slice(0, HOSTS_NAMED).join(', ')} and ${hosts.length - HOSTS_NAMED} more`;

/** The failure with everything that a person needs: each last answer, the journals, what to do. */
async function gateError(asked: GateAsked, answers: Answers, context: GateContext): Promise<KbinError> {
  const row = PROBE_TABLE[asked.gate.probe];
  const failed = failing(answers);
  const [first] = failed;
  const hosts = failed.map(([host]) => host);
  const journals = await Promise.all(
    hosts.slice(0, JOURNALS).map((host) => unitEvidence(host, () => context.fleet.connection(host), asked.gate.units)),
  );
  const where = hosts.length === 0 ? '' : ` on ${named(hosts)}`;
  const why = first?.[1].text ?? 'no host was left to answer';
  return new KbinError('GATE', `${row.subject}${where}: ${why}, after ${asked.gate.withinSeconds} s`, {
    hint: first?.[1].hint ?? row.hint,
    ...(first !== undefined && hosts.length === 1 ? { host: first[0] } : {}),
    evidence: [
      'Last answers:',
      ...Object.entries(answers).map(([host, answer]) => `  ${host}: ${textOf(answer)}`),
      ...failed.flatMap(([, answer]) => (answer.evidence ?? []).map((line) => `  ${line}`)),
      ...journals.flat(),
    ],
  });
}

/** Control planes that are out, so that no poll waits for them; none where the gate asks no control plane at all. */
function notAsked({ hosts }: GateAsked, { inventory }: GateContext): ReadonlySet<HostName> {
  const serving = hostsWith(inventory, 'control-plane').map((host) => host.name);
  return serving.some((name) => hosts.includes(name))
    ? new Set(serving.filter((name) => !hosts.includes(name)))
    : new Set();
}

/** The component's own answers; once they are good, also whether it serves the certificates that it should. */
async function askAll(row: ProbeRow, asked: GateAsked, context: ProbeContext): Promise<Answers> {
  const answers = await row.ask(context);
  const { phase, turned = [] } = asked;
  const good = turned.filter((host) => answers[host]?.ok === true);
  if (failing(answers).length > 0 || good.length === 0) return answers;
  const faults = failing(await served(context, phase, good));
  return { ...answers, ...Object.fromEntries(faults) };
}

/** Polls until enough polls in a row were satisfied (true) or the time is over (false); answers go to `tell`. */
async function poll(
  row: ProbeRow,
  { asked, context, signal }: { asked: GateAsked; context: ProbeContext; signal: AbortSignal | undefined },
  tell: (answers: Answers) => void,
): Promise<boolean> {
  const { gate } = asked;
  const members = row.members?.(context.inventory) ?? context.hosts.length;
  let inARow = 0;
  for (;;) {
    const answers = await askAll(row, asked, context);
    inARow = isSatisfied(answers, gate.need, members) ? inARow + 1 : 0;
    tell(answers);
    if (inARow >= row.inARow) return true;
    // One that has just become satisfied may show that it stays so.
    if (inARow === 0 && context.clock.monotonic() >= context.deadline) return false;
    await context.clock.pause(POLL_MILLISECONDS, signal);
    if (signal?.aborted === true) throw new KbinError('INTERRUPTED', `waiting for ${row.subject} was given up`);
  }
}

/**
 * Resolves when the components of a wave have themselves confirmed that they work, and have kept confirming it.
 *
 * @throws KbinError GATE after `withinSeconds`, with every host's last answer and the journals of hosts that fail;
 *   INTERRUPTED when the signal is aborted.
 */
export async function passGate(asked: GateAsked, context: GateContext): Promise<void> {
  const { gate, hosts, phase, wave } = asked;
  const { clock, emit } = context;
  let answers: Answers = {};
  let told: string | undefined;
  const emitGate = (state: 'waiting' | 'passed' | 'failed'): void => {
    const shown = state === 'passed' ? Object.entries(answers) : failing(answers);
    const texts = Object.fromEntries(shown.map(([host, answer]) => [host, answer.text]));
    const news = JSON.stringify([state, texts]);
    if (news === told) return;
    told = news;
    emit({ type: 'gate', wave, phase, probe: gate.probe, state, answers: texts, at: clock.now() });
  };
  emitGate('waiting');
  const deadline = clock.monotonic() + gate.withinSeconds * 1000;
  const probeContext = { ...context, api: kubernetesApi(context, notAsked(asked, context)), hosts, deadline };
  const row = PROBE_TABLE[gate.probe];
  const hasPassed = await poll(row, { asked, context: probeContext, signal: context.signal }, (latest) => {
    answers = latest;
    emitGate('waiting');
  });
  emitGate(hasPassed ? 'passed' : 'failed');
  if (!hasPassed) throw await gateError(asked, answers, context);
}

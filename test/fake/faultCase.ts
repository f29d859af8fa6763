import { KbinError } from '../../src/errors.ts';
import { stepsOf } from '../../src/model/plan.ts';
import { unconverged } from './converged.ts';
import { secretsIn, textsOf, unlistedFiles, watchFiles } from './invariants.ts';
import { describeFault, type Fault, type Operation, type Verb } from './operations.ts';
import { KILLED, type DeployOptions, type Outcome, type Site } from './site.ts';

/** Longer than a lease. */
const LEASE_MILLISECONDS = 91_000;
const SHOWN = 3;

/** What can happen to an operation of some verbs, and after how many of its pieces. */
export interface FaultKind {
  name: string;
  then: Fault['then'];
  on: readonly Verb[];
  after: (pieces: number) => number[];
}

const atStart = (): number[] => [0];
const atEnd = (): number[] => [Infinity];
const inside = (pieces: number): number[] => (pieces < 2 ? [] : [Math.ceil(pieces / 2)]);
/** Five places inside. */
const allOver = (pieces: number): number[] =>
  [...new Set([1, pieces / 4, pieces / 2, (3 * pieces) / 4, pieces - 1].map(Math.ceil))].filter(
    (after) => after > 0 && after < pieces,
  );
const anywhere = (pieces: number): number[] => [0, ...inside(pieces), Infinity];

const REMOTE: readonly Verb[] = ['observe', 'upload', 'apply', 'acquire', 'renew', 'release', 'object', 'node', 'look'];

/** FAULTS.md, as far as a single host operation can show it. */
export const FAULT_KINDS: readonly FaultKind[] = [
  { name: 'connection lost before it was sent', then: 'lost', on: REMOTE, after: atStart },
  { name: 'connection lost after it took effect', then: 'lost', on: REMOTE, after: atEnd },
  { name: 'connection lost in the middle', then: 'lost', on: ['apply', 'upload'], after: allOver },
  { name: 'kbin killed', then: 'killed', on: [...REMOTE, 'gate', 'issue', 'issue-key', 'rotate'], after: anywhere },
  { name: 'host reboots', then: 'reboot', on: ['apply', 'upload', 'acquire', 'gate'], after: (n) => [0, ...inside(n)] },
  { name: 'host dies', then: 'dead', on: ['apply', 'upload', 'acquire', 'release'], after: (n) => [0, ...inside(n)] },
  { name: 'script killed on the host', then: 'truncated', on: ['apply'], after: allOver },
  { name: 'disk full', then: 'full', on: ['apply', 'upload', 'acquire'], after: atStart },
  { name: 'gate not passed', then: 'refused', on: ['gate'], after: atStart },
  { name: 'certificate store fails', then: 'store', on: ['issue', 'issue-key'], after: anywhere },
];

/** Faults of one kind for every operation of a run that it fits. */
export const faultsOf = (kind: FaultKind, operations: readonly Operation[]): Fault[] =>
  operations
    .filter(({ verb }) => kind.on.includes(verb))
    .flatMap(({ number: at, pieces }) => kind.after(pieces).map((after) => ({ at, after, then: kind.then })));

const told = ({ exitCode, error }: Outcome): string => {
  const evidence = error instanceof KbinError ? error.evidence : [];
  return `${exitCode} ${[String(error), ...evidence].join(' | ')}`;
};

/**
 * The operator mends what happened: disks have room, dead machines come back. A lease that could not be given back, by a
 * kbin that was killed or to a machine that was dead, ends by itself.
 */
export function mend(site: Site, outcome: Outcome): void {
  const { world } = site;
  world.conductor.fault = undefined;
  const dead = world.machines.filter((machine) => machine.isDown);
  for (const machine of world.machines) machine.disk.isFull = false;
  for (const { name } of dead) world.revive(name);
  if (outcome.exitCode === KILLED || dead.length > 0) world.clock.advance(LEASE_MILLISECONDS);
}

/** After a failure: the same command again finishes, and a third plan is empty. */
export async function aftermath(site: Site, options: DeployOptions = {}): Promise<string[]> {
  const { world } = site;
  const second = await site.deploy(options);
  const left = await unconverged(site);
  const problems = [
    ...(second.exitCode === 0 ? [] : [`the next run exits ${told(second)}`]),
    ...left.map((what) => `after the next run: ${what}`),
    ...(second.exitCode === 0 ? [] : secretsIn(textsOf(site, second))),
  ];
  if (problems.length > 0) return problems;
  const before = world.operations.length;
  const third = await site.deploy(options);
  const steps = third.prepared === undefined ? [] : stepsOf(third.prepared.plan);
  const changes = world.operations.slice(before).filter(({ verb }) => verb !== 'observe' && verb !== 'look');
  return [
    ...steps.map(({ id, why }) => `the third run plans ${id} (${why})`),
    ...(third.exitCode === 0 ? [] : [`the third run exits ${told(third)}`]),
    ...changes.map(({ verb, on }) => `the third run does ${verb} on ${on}`),
  ];
}

/** A run that the fault strikes, and those after it. Returns everything that broke, each with the operation's number. */
export async function survives(site: Site, fault: Fault, options: DeployOptions = {}): Promise<string[]> {
  const { world } = site;
  watchFiles(site);
  const placed = { ...fault, at: fault.at + world.operations.length };
  world.conductor.fault = placed;
  const first = await site.deploy(options);
  const down = world.machines.filter((machine) => machine.isDown).map(({ name }) => name);
  const early = first.exitCode === 0 ? await unconverged(site) : [];
  const problems = [
    ...early.filter((what) => !down.some((name) => what.includes(name))).map((what) => `exit 0, but ${what}`),
    ...secretsIn(textsOf(site, first)),
    ...unlistedFiles(site),
  ];
  mend(site, first);
  problems.push(...(await aftermath(site)), ...unlistedFiles(site), ...world.broken);
  const where = describeFault(placed, world.operations[placed.at - 1]);
  const shown =
    problems.length > SHOWN ? [...problems.slice(0, SHOWN), `and ${problems.length - SHOWN} more`] : problems;
  return shown.length === 0 ? [] : [`${where}; it exits ${told(first)}`, ...shown.map((what) => `    ${what}`)];
}

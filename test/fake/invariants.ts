import { sha256 } from '../../src/model/digest.ts';
import type { Event } from '../../src/model/event.ts';
import type { Body } from '../../src/model/resource.ts';
import { describePlan } from '../../src/plan/describe.ts';
import { planText } from '../../src/plan/file.ts';
import { KbinError } from '../../src/errors.ts';
import { auditRecords } from '../../src/ui/audit.ts';
import { PLACES } from '../../src/catalog/places.ts';
import { TREES } from './hostScripts.ts';
import type { Machine } from './machine.ts';
import { POISON } from './memoryPki.ts';
import type { Outcome, Site } from './site.ts';

const digests = new Map<string, string>();
function digestOf(text: string): string {
  const digest = digests.get(text) ?? sha256(text);
  digests.set(text, digest);
  return digest;
}

/** Whether a file holds what a body says; a certificate of the right name will do, whatever its serial. */
function isOf(body: Body, content: Buffer, digest: string): boolean {
  if ('text' in body) return digestOf(body.text) === digest;
  const names = 'secret' in body ? [body.secret.certificate] : body.concat.map((ref) => ref.certificate);
  const found = [...content.toString().matchAll(/^([a-z][\w@-]*) \d+/gm)].map(([, name]) => name);
  return JSON.stringify(found) === JSON.stringify(names);
}

/** A certificate and the key beside it are one pair, through whatever link they are reached. */
function pairFaults(machine: Machine): string[] {
  return [...machine.disk.entries].flatMap(([path, entry]) => {
    if (entry.type !== 'link' || !entry.target.includes('/.pairs/')) return [];
    const identities = ['tls.crt', 'tls.key'].map(
      (name) => /\n(\S+ \d+)/.exec(machine.disk.text(`${path}/${name}`) ?? '')?.[1],
    );
    return identities[0] !== undefined && identities[0] === identities[1]
      ? []
      : [`${machine.name} ${path} holds ${identities.join(' beside ')}`];
  });
}

/** From now on, after every operation: each file is the old one or the new one, each pair is whole. */
export function watchFiles(site: Site): void {
  const old = new Map(
    site.world.machines.map((machine) => [
      machine.name,
      new Map([...machine.disk.entries].map(([path, entry]) => [path, entry.type === 'file' ? entry.sha256 : ''])),
    ]),
  );
  site.world.conductor.afterEach = ({ on }) => {
    const machine = site.world.cluster.machines.get(on);
    if (machine === undefined) return;
    for (const fault of pairFaults(machine)) site.world.breaks(fault);
    for (const resource of site.desired.hosts[on] ?? []) {
      if (resource.kind !== 'file') continue;
      const entry = machine.disk.at(resource.path);
      if (entry?.type !== 'file' || old.get(on)?.get(resource.path) === entry.sha256) continue;
      if (!isOf(resource.body, entry.content, entry.sha256)) site.world.breaks(`${on} ${resource.path} is torn`);
    }
  };
}

const isBelow = (path: string, parent: string): boolean => path === parent || path.startsWith(`${parent}/`);

/**
 * What kbin left on a machine and a reset would not find: neither on the list of what is owned, nor a directory on the way
 * to that, nor in a tree that goes as a whole, nor in kbin's own places.
 */
function unlisted(machine: Machine, bare: ReadonlySet<string>): string[] {
  const owned = machine.owned?.paths ?? [];
  const trees = [PLACES.kbin, ...owned.filter((path) => TREES.includes(path))];
  return [...machine.disk.entries]
    .filter(([path, { type }]) => {
      const isOnTheWay = type === 'directory' && owned.some((own) => isBelow(own, path));
      return !bare.has(path) && !owned.includes(path) && !isOnTheWay && !trees.some((tree) => isBelow(path, tree));
    })
    .map(([path]) => `${machine.name} ${path} is on no list`);
}

/** The same for all machines of a site that only kbin wrote to. */
export const unlistedFiles = (site: Site): string[] =>
  site.world.machines.flatMap((machine) => unlisted(machine, site.bare.get(machine.name) ?? new Set()));

/** Everything that leaves kbin as text after a run. */
export function textsOf(site: Site, { kbin, error, prepared, events, exitCode }: Outcome): string[] {
  const { message = '', stack = '' } = error instanceof Error ? error : {};
  const told = error instanceof KbinError ? [error.hint ?? '', ...error.evidence] : [];
  const plan = prepared === undefined ? [] : [planText(prepared.plan), ...describePlan(prepared.plan)];
  const counts = { seconds: 1, changed: 0, failedHosts: [], at: 0 };
  const finished: Event = { type: 'finished', ok: exitCode === 0, exitCode, ...counts };
  const audited = {
    engine: { operator: { who: 'ada', from: 'laptop' }, run: kbin.run, inventory: site.inventory },
    command: 'deploy',
    events: [...events, finished],
  };
  return [
    message,
    stack,
    ...told,
    ...plan,
    JSON.stringify(events),
    JSON.stringify(auditRecords(audited)),
    JSON.stringify(site.inventory),
  ];
}

/** Texts of a run that hold a secret. */
export const secretsIn = (texts: readonly string[]): string[] =>
  texts
    .filter((text) => text.includes(POISON))
    .map((text) => `a secret is in ${text.slice(Math.max(0, text.indexOf(POISON) - 80), text.indexOf(POISON) + 20)}`);

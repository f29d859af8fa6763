import { PLACES } from '../catalog/places.ts';
import type { Engine } from '../engine/engine.ts';
import { KbinError } from '../errors.ts';
import type { HostName } from '../model/inventory.ts';
import { lookAtRestoresScript, parseRestores, type RestoresFacts, type RestoreState } from '../remote/etcdRestore.ts';
import { namesOf, onEach, runOn, type EtcdGround } from './hosts.ts';

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

/** Throws PREFLIGHT where a member has too little room for it. */
export function assertRoom(facts: ReadonlyMap<HostName, RestoresFacts>, { bytes }: ProvedSnapshot, run: string): void {
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
export function runFor(engine: Engine, facts: ReadonlyMap<HostName, RestoresFacts>, snapshot: ProvedSnapshot): string {
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

/** The restore that can be taken back: the one under way, or the latest that has ended with the old data kept. */
export function undoable(facts: ReadonlyMap<HostName, RestoresFacts>): string | undefined {
  const open = restoreUnderWay(facts);
  if (open !== undefined) return open;
  const isKept = ({ isSwapped, hasOld }: RestoreState): boolean => isSwapped && hasOld;
  const runs = [...facts.values()].flatMap(({ restores }) => restores.filter(isKept).map(({ run }) => run));
  return runs.sort().at(-1);
}

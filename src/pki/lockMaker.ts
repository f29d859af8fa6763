import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { systemCode } from './journal.ts';

/** A process, as far as another one can tell it from those that have its number later. */
interface Maker {
  process: number;
  machine: string;
  /** Boot of the machine, its namespace of process numbers, and when the process was started; as far as Linux tells. */
  boot?: string;
  namespace?: string;
  startedAt?: string;
}

const UNKNOWN = '-';

/** What a lock file of this process says: `PROCESS MACHINE BOOT NAMESPACE STARTED`. */
export const ownMark = (): string =>
  [process.pid, hostname(), boot(), namespace(), startOf('self')].map((part) => part ?? UNKNOWN).join(' ');

/** The process of a mark, for people; empty for a mark that says nothing, as kubectl's. */
export function shownMaker(mark: string): string {
  const maker = makerIn(mark);
  return maker === undefined ? '' : `process ${maker.process} on ${maker.machine}`;
}

/** True only where the process is surely no more: of processes of other machines and containers nothing is known. */
export function isGone(mark: string): boolean {
  const maker = makerIn(mark);
  if (maker === undefined || maker.machine !== hostname()) return false;
  if (maker.boot !== undefined && maker.boot !== boot()) return true;
  if (maker.namespace !== undefined && maker.namespace !== namespace()) return false;
  if (!isThere(maker.process)) return true;
  const start = startOf(maker.process);
  return maker.startedAt !== undefined && start !== undefined && maker.startedAt !== start;
}

function makerIn(mark: string): Maker | undefined {
  const [number = '', machine, ...known] = mark.trim().split(' ');
  if (!/^\d+$/.test(number) || machine === undefined) return undefined;
  const [bootId, space, startedAt] = known.map((part) => (part === UNKNOWN ? undefined : part));
  return {
    process: Number(number),
    machine,
    ...(bootId === undefined ? {} : { boot: bootId }),
    ...(space === undefined ? {} : { namespace: space }),
    ...(startedAt === undefined ? {} : { startedAt }),
  };
}

function isThere(id: number): boolean {
  try {
    process.kill(id, 0);
    return true;
  } catch (error) {
    return systemCode(error) !== 'ESRCH';
  }
}

const boot = (): string | undefined => told(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
const namespace = (): string | undefined => told(() => readlinkSync('/proc/self/ns/pid'));

/** Field 22 of proc(5)'s stat, counted behind the program's name, which may have blanks. */
const startOf = (id: number | 'self'): string | undefined =>
  told(() => readFileSync(`/proc/${id}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[19]);

/** Undefined where the system has no such file. */
function told(read: () => string | undefined): string | undefined {
  try {
    return read();
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}

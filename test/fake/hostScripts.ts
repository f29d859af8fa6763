import { dirname } from 'node:path/posix';
import { PLACES } from '../../src/catalog/places.ts';
import type { Owned } from '../../src/model/facts.ts';
import type { AcquireInput, Acquired } from '../../src/remote/lock.ts';
import type { UploadInput, UploadResult } from '../../src/remote/upload.ts';
import { file } from './disk.ts';
import type { Machine } from './machine.ts';

/** What the scripts of src/remote beside apply do to a machine; each can die at every `yield`. */
export type Script<T> = Generator<string, T>;

const NOTHING = Buffer.alloc(0);
const STALE: UploadResult = { ok: false, reason: 'stale', message: 'token is older', hint: 'Look at the later run.' };

export function* uploadScript(machine: Machine, input: UploadInput): Script<UploadResult> {
  const { disk } = machine;
  const isStale = (): boolean => machine.fence > input.token;
  if (isStale()) return STALE;
  const there = disk.at(input.target);
  if (there?.type === 'file' && there.sha256 === input.sha256) {
    disk.put(input.target, { ...there, mode: input.mode, owner: 'root:root' });
    return { ok: true, state: 'present' };
  }
  if (disk.isFull) {
    const message = `${dirname(input.target)} has 0 bytes free, ${input.bytes} are needed`;
    return { ok: false, reason: 'full', message, hint: 'Free space there, then run the same command again.' };
  }
  // The staged part has a name of its own and goes with the script.
  yield 'half of it came';
  if (isStale()) return STALE;
  disk.put(input.target, { ...file(NOTHING, input.mode), sha256: input.sha256 });
  yield 'it is in place';
  return { ok: true, state: 'written' };
}

/** The second that the machine's clock shows. */
const secondsOf = (now: number): number => Math.floor(now / 1000);

export function* acquireScript(machine: Machine, input: AcquireInput, now: number): Script<Acquired> {
  const seconds = secondsOf(now);
  const { lock } = machine;
  if (lock !== undefined && lock.until >= seconds) {
    if (lock.run === input.run) return { acquired: true, token: lock.token };
    const { holder, from, since, until } = lock;
    return {
      acquired: false,
      holder,
      from,
      since: new Date(since * 1000).toISOString(),
      expiresInSeconds: until - seconds,
    };
  }
  if (machine.disk.isFull) throw new Error('write error: No space left on device');
  const token = Math.max((lock?.token ?? 0) + 1, seconds);
  const { run, holder, from, leaseSeconds } = input;
  machine.lock = { token, run, since: seconds, until: seconds + leaseSeconds, holder, from };
  yield 'taken';
  return { acquired: true, token };
}

export function* renewScript(
  machine: Machine,
  { run, leaseSeconds }: { run: string; leaseSeconds: number },
  now: number,
): Script<boolean> {
  const { lock } = machine;
  if (lock?.run !== run || lock.until === 0) return false;
  lock.until = secondsOf(now) + leaseSeconds;
  yield 'put off';
  return true;
}

export function* releaseScript(machine: Machine, run: string): Script<void> {
  if (machine.lock?.run === run) machine.lock.until = 0;
  yield 'given back';
}

export const TREES: readonly string[] = [
  ...[PLACES.versions, PLACES.pairs, PLACES.etcdPairs, PLACES.etcdData, PLACES.kubelet, PLACES.kubeProxy],
];

export function* resetScript(machine: Machine, owned: Owned): Script<void> {
  const { disk, systemd, images } = machine;
  for (const unit of owned.units) systemd.stop(unit);
  yield 'units are stopped';
  if (owned.units.includes('containerd.service')) images.clear();
  for (const path of [...owned.paths].sort().reverse()) {
    const isTree = TREES.includes(path);
    if (disk.at(path)?.type === 'directory' && !isTree && disk.below(path).length > 0) continue;
    disk.remove(path);
    yield `${path} is removed`;
  }
  disk.remove(PLACES.kbin);
  machine.lock = undefined;
  machine.fence = 0;
}

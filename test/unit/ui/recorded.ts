import { readFileSync } from 'node:fs';
import type { Event } from '../../../src/model/event.ts';

/** A first deploy of three hosts, as it was recorded. */
export const threeHosts: readonly Event[] = readFileSync(new URL('three-hosts.ndjson', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Event);

/** The same run until the apiserver's gate fails: the phases after it never come, and some ends are missing. */
export const failedRun: readonly Event[] = (() => {
  const gate = { wave: 'apiserver', phase: 'apiserver', probe: 'apiserver' } as const;
  const until = threeHosts.findIndex(
    (event) => event.type === 'gate' && event.phase === 'apiserver' && event.state === 'passed',
  );
  const at = threeHosts[until]!.at;
  return [
    ...threeHosts.slice(0, until),
    { type: 'gate', ...gate, state: 'failed', answers: { 'cp-3': 'connection refused on 6443' }, at },
    { type: 'wave', wave: 'apiserver', phase: 'apiserver', state: 'failed', steps: 42, at: at + 1 },
    { type: 'finished', ok: false, exitCode: 31, seconds: 6.7, changed: 180, failedHosts: [], at: at + 2 },
  ];
})();

export const hostNames = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `worker-${String(index + 1).padStart(4, '0')}`);

/** Many hosts on the way through one phase; each hundredth fails. */
export function manyHosts(count: number, start = 1_800_000_000_000): Event[] {
  const hosts = hostNames(count);
  const events: Event[] = [{ type: 'run', command: 'deploy', cluster: 'big', hosts, at: start }];
  for (const host of hosts) {
    events.push(
      { type: 'host', host, state: 'connecting', at: start + 1 },
      { type: 'host', host, state: 'observed', at: start + 900 },
    );
  }
  events.push({ type: 'planned', steps: count * 2, waves: 1, hosts: count, at: start + 1000 });
  events.push({
    type: 'wave',
    wave: 'node',
    phase: 'node',
    state: 'started',
    steps: count * 2,
    hosts: count,
    at: start + 1001,
  });
  for (const host of hosts) {
    const upload = { type: 'upload', host, artifact: 'kubelet', bytes: 60e6, compressedBytes: 20e6 } as const;
    events.push({ ...upload, state: 'started', at: start + 1002 }, { ...upload, state: 'done', at: start + 2000 });
    events.push({ type: 'apply', wave: 'node', phase: 'node', host, state: 'started', steps: 2, at: start + 2001 });
  }
  hosts.slice(0, count / 2).forEach((host, index) => {
    const failed = index % 100 === 0;
    events.push({
      type: 'apply',
      wave: 'node',
      phase: 'node',
      host,
      state: failed ? 'failed' : 'done',
      steps: 2,
      ...(failed ? { message: `${host}: disk full` } : {}),
      at: start + 3000,
    });
  });
  events.push({ type: 'wave', wave: 'node', phase: 'node', state: 'applied', steps: count * 2, at: start + 3001 });
  return events.sort((a, b) => a.at - b.at);
}

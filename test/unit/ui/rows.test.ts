import { expect, test } from '@jest/globals';
import type { Event } from '../../../src/model/event.ts';
import { Progress } from '../../../src/ui/progress.ts';
import { answersText } from '../../../src/ui/phaseRow.ts';
import { ROW_NAMES, type Row, type View } from '../../../src/ui/row.ts';
import { rowsOf, rowsWithin } from '../../../src/ui/rows.ts';
import { failedRun, hostNames, manyHosts, threeHosts } from './recorded.ts';

const view = (now: number, isOver = false): View => ({ now, hostsListed: 12, failuresListed: 6, isOver });
const progressOf = (events: readonly Event[]): Progress => {
  const progress = new Progress();
  for (const event of events) progress.take(event);
  return progress;
};
const textOf = (rows: readonly Row[]): string[] =>
  rows.flatMap(({ state, text, below }) => [`${state}: ${text}`, ...below.map((line) => `    ${line}`)]);
/** By row, so that the order of the phase table is not repeated here. */
const byName = (rows: readonly Row[]): Record<string, string[]> =>
  Object.fromEntries(rows.map((row) => [row.name, textOf([row])]));
const at = (seconds: number): Row[] => {
  const now = threeHosts[0]!.at + seconds * 1000;
  return rowsOf(progressOf(threeHosts.filter((event) => event.at <= now)), view(now));
};

test('rows tell what happens at a moment: uploads beside phases, hosts below the phase that applies', () => {
  const rows = at(1.94);
  expect(byName(rows)).toEqual({
    observe: ['done: observe        0.5 s  3 hosts'],
    plan: ['done: plan                  298 steps in 11 waves on 3 hosts'],
    uploads: [
      'running: uploads        1.3 s  231 MB of 668 MB, 178 MB/s, to 3 hosts',
      '    cp-1: kube-scheduler, haproxy',
      '    cp-2: kube-scheduler, haproxy',
      '    cp-3: kube-apiserver, kube-controller-manager',
    ],
    certificates: ['done: certificates   0.2 s  29 steps'],
    host: ['done: host           0.5 s  3 hosts'],
    runtime: ['running: runtime        0.6 s  0 of 3 hosts', '    applying cp-1, cp-2, cp-3'],
    etcd: ['running: etcd           0.6 s  2 of 3 hosts', '    applying cp-3', '    applied cp-1, cp-2'],
  });
  const order = rows.map(({ name }) => ROW_NAMES.indexOf(name));
  expect(order).toEqual([...order].sort((a, b) => a - b));
});

test('a phase that waits says what its gate waits for', () => {
  const row = at(6).find(({ name }) => name === 'apiserver');
  expect(textOf([row!])).toEqual([
    'running: apiserver      2.6 s  3 of 3 hosts, waits for its gate',
    '    readyz answers 500: poststarthook/rbac/bootstrap-roles (cp-3)',
  ]);
});

test('at the end every phase has its row, with the time and its gate’s share', () => {
  expect(
    at(20)
      .slice(2)
      .map(({ state, text }) => `${state}: ${text}`)
      .sort(),
  ).toEqual([
    'done: addons         4.8 s  4 steps, gate 4.6 s',
    'done: apiserver      3.3 s  3 hosts, gate 2.5 s',
    'done: balancer       0.6 s  3 hosts, gate 0.2 s',
    'done: bootstrap      0.1 s  4 steps',
    'done: certificates   0.2 s  29 steps',
    'done: controllers    2.4 s  3 hosts, gate 1.8 s',
    'done: etcd           2.1 s  3 hosts, gate 1.4 s',
    'done: host           0.5 s  3 hosts',
    'done: network        3.3 s  3 hosts, gate 2.6 s',
    'done: node           2.6 s  3 hosts, gate 1.6 s',
    'done: runtime        1.2 s  3 hosts, gate 0.2 s',
    'done: uploads        3.9 s  668 MB, 173 MB/s',
  ]);
});

test('a failed run shows the failed phase, and as stopped what had no end', () => {
  const { at: now } = failedRun.at(-1)!;
  const rows = rowsOf(progressOf(failedRun), view(now, true));
  expect(rows.find(({ name }) => name === 'apiserver')).toMatchObject({
    state: 'failed',
    text: 'apiserver      3.3 s  3 of 3 hosts, gate failed',
    below: ['connection refused on 6443 (cp-3)'],
  });
  const cut = threeHosts.filter((event) => event.at <= threeHosts[0]!.at + 8000);
  expect(rowsOf(progressOf(cut), view(now, true)).find(({ name }) => name === 'node')?.state).toBe('stopped');
});

test('a thousand hosts fit a screen, cost little, and every failed one is named', () => {
  const events = manyHosts(1000);
  const rows = rowsWithin(progressOf(events), 23, view(events.at(-1)!.at));
  // Time of this process, the best of three: the machine may be busy with other things.
  const milliseconds = [1, 2, 3].map(() => {
    const { user } = process.cpuUsage();
    rowsWithin(progressOf(events), 23, view(events.at(-1)!.at));
    return (process.cpuUsage().user - user) / 1000;
  });
  expect(Math.min(...milliseconds)).toBeLessThan(100);
  const lines = textOf(rows);
  expect(lines.length).toBeLessThanOrEqual(6);
  expect(lines).toContain('running: node           2.0 s  495 of 1000 hosts, 5 failed');
  expect(lines.at(-1)).toBe(
    '    ✖ disk full: 5 hosts: worker-0001, worker-0101, worker-0201, worker-0301, worker-0401',
  );
});

test('twelve hosts are listed below their phase, thirteen are counted', () => {
  const below = (count: number): number => {
    const events = manyHosts(count).filter((event) => event.type !== 'upload');
    return rowsOf(progressOf(events), view(events.at(-1)!.at)).find(({ name }) => name === 'node')!.below.length;
  };
  expect([below(12), below(13)]).toEqual([3, 1]);
});

test('on a small screen hosts are folded before rows are lost', () => {
  const now = threeHosts[0]!.at + 1940;
  const progress = progressOf(threeHosts.filter((event) => event.at <= now));
  expect(textOf(rowsWithin(progress, 13, view(now)))).toHaveLength(13);
  expect(textOf(rowsWithin(progress, 12, view(now)))).toHaveLength(7);
});

test('failures of many kinds are folded to names, none of which is lost', () => {
  const failed = hostNames(40).map((host, index): Event => ({
    type: 'host',
    host,
    state: 'failed',
    message: `fault ${index}`,
    at: index,
  }));
  const [row] = rowsOf(progressOf(failed), view(1000));
  expect(row?.below).toHaveLength(7);
  const text = row?.below.join('\n') ?? '';
  for (const host of hostNames(40)) expect(text).toContain(host);
});

test('on a small screen one kind of failure is told in full and the others by name', () => {
  const failed = hostNames(9).map((host, index): Event => ({
    type: 'host',
    host,
    state: 'failed',
    message: `fault ${index}`,
    at: index,
  }));
  const lines = textOf(rowsWithin(progressOf(failed), 5, view(1000)));
  expect(lines.slice(1, 2)).toEqual(['    ✖ worker-0001: fault 0']);
  expect(lines).toHaveLength(3);
  for (const host of hostNames(9)) expect(lines.join('\n')).toContain(host);
});

test('turns of a rolling change are one row that counts them', () => {
  const turn = (host: string, start: number): Event[] => [
    { type: 'wave', wave: `etcd/${host}`, phase: 'etcd', state: 'started', steps: 2, hosts: 1, at: start },
    { type: 'apply', wave: `etcd/${host}`, phase: 'etcd', host, state: 'started', steps: 2, at: start },
    { type: 'apply', wave: `etcd/${host}`, phase: 'etcd', host, state: 'done', steps: 2, at: start + 500 },
    { type: 'wave', wave: `etcd/${host}`, phase: 'etcd', state: 'applied', steps: 2, at: start + 500 },
    { type: 'wave', wave: `etcd/${host}`, phase: 'etcd', state: 'done', steps: 2, at: start + 900 },
  ];
  // What is asked before the first turn is none.
  const before = { type: 'wave', wave: 'etcd/before', phase: 'etcd', steps: 0, at: 0 } as const;
  const events: Event[] = [
    { ...before, state: 'started' },
    { ...before, state: 'applied' },
    { ...before, state: 'done' },
    ...turn('cp-1', 0),
    ...turn('cp-2', 1000),
  ];
  expect(textOf(rowsOf(progressOf(events), view(2000)))).toEqual(['done: etcd           1.9 s  2 hosts, turn 2']);
  expect(textOf(rowsOf(progressOf(events.slice(0, -3)), view(1200)))).toEqual([
    'running: etcd           1.2 s  1 of 2 hosts, turn 2',
    '    applying cp-2',
    '    applied cp-1',
  ]);
});

test('answers that are the same are told once', () => {
  expect(answersText({ a: 'no leader', b: 'no leader', c: 'lag', d: 'x\x1b[1m' })).toBe(
    'no leader (a, b), lag (c), 1 other answer',
  );
  expect(answersText(Object.fromEntries(hostNames(9).map((host) => [host, 'no leader'])))).toBe(
    'no leader (9 hosts, worker-0001 first)',
  );
});

import { expect, test } from '@jest/globals';
import type { Event } from '../../../src/model/event.ts';
import { Plain } from '../../../src/ui/plain.ts';
import { failedRun, manyHosts, threeHosts } from './recorded.ts';

const linesOf = (events: readonly Event[]): string[] => {
  const plain = new Plain();
  return events.flatMap((event) => plain.linesOf(event));
};

test('a deploy of three hosts is told in one line for each happening of weight', () => {
  expect(linesOf(threeHosts)).toEqual([
    '[  0.0s] deploy of cluster lab: 3 hosts',
    '[  0.5s] observed 3 hosts',
    '[  0.5s] warning: cp-1, cp-2, cp-3: 1900 MiB of memory, 2048 are recommended [memory]. Give them more, or lower preflight.minimumMemoryMiB.',
    '[  0.5s] plan: 298 steps in 11 waves on 3 hosts',
    '[  0.8s] certificates: 29 steps done',
    '[  1.3s] host: applied on 3 hosts',
    '[  2.0s] etcd: applied on 3 hosts',
    '[  2.0s] etcd: gate waits: connection refused on 2379 (cp-1, cp-2, cp-3)',
    '[  2.2s] runtime: applied on 3 hosts',
    '[  2.5s] runtime: gate passed',
    '[  2.5s] etcd: gate waits: no leader (cp-1, cp-2), connection refused on 2379 (cp-3)',
    '[  3.4s] etcd: gate passed',
    '[  4.0s] uploads: cp-1: 15 files, 223 MB in 3.1 s (70.7 MB/s)',
    '[  4.0s] uploads: cp-2: 15 files, 223 MB in 3.1 s (70.7 MB/s)',
    '[  4.2s] apiserver: applied on 3 hosts',
    '[  4.2s] apiserver: gate waits: connection refused on 6443 (cp-1, cp-2, cp-3)',
    '[  5.7s] uploads: cp-3: 15 files, 223 MB in 3.8 s (57.9 MB/s)',
    '[  5.7s] apiserver: gate waits: readyz answers 500: poststarthook/rbac/bootstrap-roles (cp-3)',
    '[  6.7s] apiserver: gate passed',
    '[  6.8s] bootstrap: 4 steps done',
    '[  7.2s] balancer: applied on 3 hosts',
    '[  7.3s] balancer: gate passed',
    '[  7.3s] controllers: applied on 3 hosts',
    '[  7.3s] controllers: gate waits: no lease of kube-scheduler (cp-1, cp-2, cp-3)',
    '[  8.3s] node: applied on 3 hosts',
    '[  8.3s] node: gate waits: no Node yet (cp-1, cp-2, cp-3)',
    '[  9.1s] controllers: gate passed',
    '[  9.9s] node: gate passed',
    '[ 10.6s] network: applied on 3 hosts',
    '[ 10.6s] network: gate waits: not Ready: cni plugin not initialized (cp-1, cp-2, cp-3)',
    '[ 13.2s] network: gate passed',
    '[ 13.4s] addons: 4 steps done',
    '[ 13.4s] addons: gate waits: DNS does not answer (cp-1, cp-2, cp-3)',
    '[ 18.0s] addons: gate passed',
    '[ 18.0s] finished: 298 steps changed in 18.0 s',
  ]);
});

test('a gate that fails is told with the last answers, and the run with its exit code', () => {
  expect(linesOf(failedRun).slice(-3)).toEqual([
    '[  6.7s] apiserver: gate FAILED: connection refused on 6443 (cp-3)',
    '[  6.7s] apiserver: FAILED',
    '[  6.7s] FAILED with exit code 31: 180 steps changed in 6.7 s',
  ]);
});

test('a thousand hosts take a few lines, and every failed one is named', () => {
  const lines = linesOf(manyHosts(1000));
  const failures = lines.filter((line) => line.includes('FAILED'));
  expect(failures).toHaveLength(5);
  expect(failures[1]).toBe('[  3.0s] node: FAILED on worker-0101: disk full');
  expect(lines.filter((line) => line.includes('uploads:'))).toEqual([
    '[  3.0s] uploads: 1000 hosts: 1000 files, 20.0 GB in 1.0 s (20.0 GB/s)',
  ]);
  expect(lines.length).toBeLessThan(12);
});

test('a gate tells its first answers as they change and is patient after that', () => {
  const waiting = (answer: string, at: number): Event => ({
    type: 'gate',
    wave: 'etcd/cp-1',
    phase: 'etcd',
    probe: 'etcd',
    state: 'waiting',
    answers: { 'cp-1': answer },
    at,
  });
  const events = Array.from({ length: 30 }, (_, index) => waiting(`lag ${Math.floor(index / 2)}`, index * 500));
  const lines = linesOf(events);
  expect(lines[0]).toBe('[  0.0s] etcd on cp-1: gate waits: lag 0 (cp-1)');
  expect(lines).toHaveLength(6);
  expect(lines[5]).toBe('[ 14.0s] etcd on cp-1: gate waits: lag 14 (cp-1)');
});

test('turns and what is asked before them are told by their hosts', () => {
  const passed = (wave: string): Event => ({
    type: 'gate',
    wave,
    phase: 'etcd',
    probe: 'etcd',
    state: 'passed',
    answers: {},
    at: 0,
  });
  expect(linesOf(['etcd/before', 'etcd/cp-1', 'etcd/a+b+c+d+e'].map(passed))).toEqual([
    '[  0.0s] etcd beforehand: gate passed',
    '[  0.0s] etcd on cp-1: gate passed',
    '[  0.0s] etcd on a, b, c and 2 more: gate passed',
  ]);
});

test('the same warning of many hosts is told three times and then counted', () => {
  const warnings = manyHosts(50)
    .filter((event) => event.type === 'host' && event.state === 'observed')
    .map((event): Event => ({
      type: 'warning',
      message: 'the clock is 3 s off',
      host: (event as { host: string }).host,
      at: event.at,
    }));
  const finished: Event = {
    type: 'finished',
    ok: true,
    exitCode: 0,
    seconds: 1,
    changed: 0,
    failedHosts: [],
    at: warnings[0]!.at,
  };
  expect(linesOf([...warnings, finished])).toEqual([
    '[  0.0s] warning: worker-0001: the clock is 3 s off',
    '[  0.0s] warning: worker-0002: the clock is 3 s off',
    '[  0.0s] warning: worker-0003: the clock is 3 s off',
    '[  0.0s] warning: 47 times more: the clock is 3 s off',
  ]);
});

test('what hosts say steers no terminal and breaks no line', () => {
  const failed: Event = {
    type: 'host',
    host: 'cp-1',
    state: 'failed',
    message: 'bad \x1b[2Jnews\r\nand\x07 more',
    at: 0,
  };
  expect(linesOf([failed])).toEqual(['[  0.0s] observe: FAILED on cp-1: bad news and more']);
});

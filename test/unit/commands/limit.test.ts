import { limitedHosts } from '../../../src/commands/limit.ts';
import type { Host, Inventory } from '../../../src/model/inventory.ts';

const host = (name: string, roles: Host['roles'], pool?: string): Host => ({ name, roles, pool }) as Host;
const inventory = {
  hosts: [
    host('cp-1', ['etcd', 'control-plane']),
    host('cp-2', ['etcd', 'control-plane']),
    host('worker-01', ['worker']),
    host('worker-02', ['worker'], 'gpu'),
    host('worker-11', ['worker'], 'gpu'),
  ],
} as Inventory;

const limited = (expression: string, failed: string[] = []): string[] => [
  ...limitedHosts(inventory, expression, new Set(failed)),
];

test.each<[string, string[]]>([
  ['cp-1', ['cp-1']],
  ['cp-1,worker-01', ['cp-1', 'worker-01']],
  ['worker-*', ['worker-01', 'worker-02', 'worker-11']],
  ['worker-?1', ['worker-01', 'worker-11']],
  ['etcd', ['cp-1', 'cp-2']],
  ['gpu', ['worker-02', 'worker-11']],
  ['worker,!gpu', ['worker-01']],
  ['!cp-1', ['cp-2', 'worker-01', 'worker-02', 'worker-11']],
  [' cp-1 , cp-2 ', ['cp-1', 'cp-2']],
])('--limit %s', (expression, hosts) => {
  expect(limited(expression)).toEqual(hosts);
});

test('@failed is the hosts of the last run, and none when none failed', () => {
  expect(limited('@failed', ['cp-2'])).toEqual(['cp-2']);
  expect(limited('@failed')).toEqual([]);
  expect(limited('worker,!@failed', ['worker-01'])).toEqual(['worker-02', 'worker-11']);
});

test.each(['wroker-01', 'cp-3', '!gpus', 'cp.1'])('a term that fits nothing is refused: %s', (expression) => {
  expect(() => limited(expression)).toThrow('is no host, role or pool');
});

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { Action, Plan, Step } from '../../../src/model/plan.ts';
import { describePlan, summarizePlan } from '../../../src/plan/describe.ts';
import { file } from '../../fake/disk.ts';
import { INVENTORIES, Site } from '../../fake/site.ts';
import { binary, config, directory, image, kernel, pair, unit, user } from './ground.ts';
import { converged, decided, withHosts } from './world.ts';

/** After a wanted change: UPDATE_GOLDENS=1 npm test -- test/unit/plan, and read the diff. */
const FOLDER = join(import.meta.dirname, '../../fixtures/plan');

const shown = (plan: Plan): string => `${[...describePlan(plan), '', summarizePlan(plan)].join('\n')}\n`;

function expectGolden(name: string, plan: Plan): void {
  const path = join(FOLDER, `${name}.txt`);
  if (process.env['UPDATE_GOLDENS'] === '1') {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, shown(plan));
  }
  expect(shown(plan)).toBe(readFileSync(path, 'utf8'));
}

const planOf = (steps: readonly (Omit<Step, 'id' | 'phase'> & { id?: string })[]): Plan => ({
  version: 1,
  cluster: 'prod',
  clusterId: null,
  inventoryDigest: '',
  observedAt: 0,
  waves: [
    {
      id: 'node',
      phase: 'node',
      after: [],
      hosts: [],
      gate: { probe: 'nodes-registered', need: 'all', withinSeconds: 1, units: [] },
      steps: steps.map((step, index) => ({ id: String(index), phase: 'node', ...step })),
    },
  ],
});

test('nothing to do is said so', async () => {
  const { site, facts } = await converged(INVENTORIES.single);
  expect(shown(decided(site, facts))).toBe('\nNothing to do: every host is as the inventory says.\n');
});

test('a first installation of three stacked nodes', async () => {
  expectGolden('first-installation', (await new Site(INVENTORIES.stacked).plan()).plan);
});

test('a change of a live cluster: etcd and kube-apiserver in turns, a hand edit on one host', async () => {
  const { site } = await converged(INVENTORIES.stacked);
  site.world.machine('cp-2').disk.put('/etc/crictl.yaml', file('by hand'));
  site.rewrite(`${INVENTORIES.stacked}components:
  etcd: { args: { heartbeat-interval: '250' } }
  kube-apiserver: { args: { v: '2' } }
`);
  expectGolden('live-change', (await site.plan()).plan);
});

test('a host that loses its roles', async () => {
  const roles = (own: string): string =>
    withHosts(
      'name: cp-1, address: 10.0.0.11, roles: [etcd, control-plane, worker]',
      `name: cp-2, address: 10.0.0.12, roles: ${own}`,
    );
  const { site } = await converged(roles('[control-plane, worker]'));
  site.rewrite(roles('[worker]'));
  expectGolden('roles-taken', (await site.plan()).plan);
});

const ACTIONS: readonly [Action, string, string][] = [
  [{ do: 'issue', spec: { name: 'apiserver@cp-1' } as never }, 'missing', '+ certificate apiserver@cp-1'],
  [{ do: 'issue', spec: { name: 'ca' } as never }, 'expires in 12 days', '~ certificate ca'],
  [{ do: 'issue-key', spec: { name: 'sa', algorithm: 'ECDSA-P256' } }, 'missing', '+ key pair sa'],
  [{ do: 'user', user }, 'missing', '+ user etcd'],
  [{ do: 'directory', directory }, 'mode is 0755, not 0700', '~ directory /var/lib/app'],
  [{ do: 'file', file: config }, 'content differs', '~ file /etc/app.yaml'],
  [{ do: 'pair', pair }, 'another certificate', '~ certificate and key /etc/pki/app'],
  [
    { do: 'binary', binary, sha256: '', bytes: 3_145_728, compressedBytes: 0 },
    'missing',
    '+ upload /opt/kbin/etcd/v3.6.16/app (3.0 MiB)',
  ],
  [{ do: 'link', path: '/a', target: '/b' }, 'points to /c', '~ link /a -> /b'],
  [{ do: 'kernel', kernel }, 'swap is on (/swapfile)', '~ kernel settings'],
  [
    { do: 'unit', unit: unit.name, verb: 'restart', start: 'ready', enable: true, inputs: {} },
    'never started by kbin',
    '> restart app.service, enable',
  ],
  [
    { do: 'unit', unit: unit.name, verb: 'start', start: 'ready', enable: false, inputs: {} },
    'is failed',
    '> start app.service',
  ],
  [{ do: 'enable', unit: unit.name }, 'is not enabled', '~ enable app.service'],
  [{ do: 'stop', unit: unit.name }, 'no longer in the inventory', '- stop and disable app.service'],
  [
    { do: 'image', image, sha256: '', bytes: 1_572_864, compressedBytes: 0 },
    'not imported',
    '+ image registry/app:v1 (1.5 MiB)',
  ],
  [{ do: 'remove', path: '/etc/old' }, 'no longer in the inventory', '- /etc/old'],
  [
    { do: 'apply', object: { object: { kind: 'Service', metadata: { name: 'dns' } } } as never },
    'differs',
    '~ Service dns',
  ],
  [
    { do: 'node', settings: { host: 'cp-1', labels: {}, taints: [] } },
    'label a is absent',
    '~ labels and taints of Node cp-1',
  ],
];

test.each(ACTIONS.map(([action, why, line]) => [`${action.do}: ${line}`, action, why, line] as const))(
  'a step of %s',
  (_name, action, why, line) => {
    const [, , text] = describePlan(planOf([{ host: 'cp-1', why, action }]));
    expect(text?.replace(/ {2,}/g, ' ')).toBe(` ${line} ${why}`.replace(/ {2,}/g, ' '));
  },
);

test('every kind of action has a line', () => {
  const kinds: Record<Action['do'], true> = Object.fromEntries(ACTIONS.map(([action]) => [action.do, true])) as never;
  expect(Object.keys(kinds)).toHaveLength(16);
});

test('hosts with the same steps are shown once, many of them by number', () => {
  const remove = (path: string): Pick<Step, 'why' | 'action'> => ({ why: 'gone', action: { do: 'remove', path } });
  const hosts = Array.from({ length: 10 }, (_, index) => `worker-${index}`);
  const lines = describePlan(
    planOf([...hosts.map((host) => ({ host, ...remove('/a') })), { host: 'cp-1', ...remove('/b') }]),
  );
  expect(lines.map((line) => line.trimEnd().replace(/ {3,}/g, '  '))).toEqual([
    'node (gate: nodes-registered)',
    ' worker-0, worker-1, worker-2, worker-3, worker-4, worker-5, worker-6, worker-7 and 2 more',
    '  - /a  gone',
    ' cp-1',
    '  - /b  gone',
  ]);
});

test('eight hosts are all named', () => {
  const hosts = Array.from({ length: 8 }, (_, index) => `w-${index}`);
  const steps = hosts.map((host) => ({ host, why: 'gone', action: { do: 'remove', path: '/a' } as const }));
  expect(describePlan(planOf(steps))[1]).toBe(` ${hosts.join(', ')}`);
});

test('the summary counts steps by what they do, and hosts without the operator’s machine and the API', () => {
  const plan = planOf(
    ['local', 'api', 'cp-1', 'cp-2'].flatMap((host) => ACTIONS.map(([action, why]) => ({ host, why, action }))),
  );
  expect(summarizePlan(plan)).toBe(
    `${ACTIONS.length * 4} steps on 2 hosts: 20 new, 36 changed, 8 removed, 8 units to start or restart.`,
  );
});

import { expect, test } from '@jest/globals';
import type { Json } from '../../../src/model/inventory.ts';
import { matches } from '../../../src/plan/matches.ts';

const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'coredns', namespace: 'kube-system', labels: { app: 'dns' } },
  spec: {
    replicas: 2,
    template: { spec: { containers: [{ name: 'coredns', image: 'dns:1', args: ['-conf', '/c'] }] } },
  },
};
/** What the API makes of it: defaults, status and other owners' fields. */
const live = {
  ...deployment,
  metadata: { ...deployment.metadata, uid: '1', resourceVersion: '7', labels: { app: 'dns', other: 'x' } },
  spec: {
    replicas: 2,
    revisionHistoryLimit: 10,
    template: {
      spec: {
        containers: [
          { name: 'injected', image: 'sidecar' },
          { name: 'coredns', image: 'dns:1', args: ['-conf', '/c'], imagePullPolicy: 'IfNotPresent' },
        ],
        dnsPolicy: 'ClusterFirst',
      },
    },
  },
  status: { readyReplicas: 2 },
};

const withContainer = (change: Record<string, Json>): Json => ({
  spec: { template: { spec: { containers: [{ name: 'coredns', ...change }] } } },
});

const CASES: [string, Json, Json, boolean][] = [
  ['an object is like itself with defaults, status and a foreign container', deployment, live, true],
  ['a changed number differs', { spec: { replicas: 3 } }, live, false],
  ['a number is not its text', { spec: { replicas: '2' } }, live, false],
  ['a missing field differs', { spec: { paused: false } }, live, false],
  ['a missing label differs', { metadata: { labels: { kbin: 'yes' } } }, live, false],
  ['a container is found by its name, not its place', withContainer({ image: 'dns:1' }), live, true],
  ['another image of the named container differs', withContainer({ image: 'dns:2' }), live, false],
  ['a list of words must be equal as a whole', withContainer({ args: ['-conf'] }), live, false],
  ['the order of words counts', withContainer({ args: ['/c', '-conf'] }), live, false],
  ['an item that is not there differs', { ports: [{ name: 'dns' }] }, { ports: [{ name: 'metrics' }] }, false],
  ['a list where there is none differs', { ports: [{ name: 'dns' }] }, {}, false],
  ['an object where there is a list differs', { ports: { name: 'dns' } }, { ports: [{ name: 'dns' }] }, false],
  ['a list where there is an object differs', { ports: ['a'] }, { ports: { 0: 'a' } }, false],
  ['an empty list is like none', { ports: [] }, {}, true],
  ['an empty list is not like a full one', { ports: [] }, { ports: [{ name: 'dns' }] }, false],
  ['an empty object must be there', { emptyDir: {} }, {}, false],
  ['an empty object is like any object', { emptyDir: {} }, { emptyDir: { medium: '' } }, true],
  ['null is like absent', { field: null }, {}, true],
  ['null is not like a value', { field: null }, { field: 0 }, false],
  ['a value is not like null', { field: 0 }, { field: null }, false],
  [
    'two items of one key are both looked for',
    {
      tolerations: [
        { key: 'a', effect: 'NoExecute' },
        { key: 'a', effect: 'NoSchedule' },
      ],
    },
    {
      tolerations: [
        { key: 'a', effect: 'NoSchedule' },
        { key: 'a', effect: 'NoExecute' },
      ],
    },
    true,
  ],
  [
    'one of two items of one key is missing',
    {
      tolerations: [
        { key: 'a', effect: 'NoExecute' },
        { key: 'a', effect: 'NoSchedule' },
      ],
    },
    { tolerations: [{ key: 'a', effect: 'NoSchedule' }] },
    false,
  ],
  [
    'rules without names are matched by position',
    { rules: [{ verbs: ['get'] }] },
    { rules: [{ verbs: ['get'] }] },
    true,
  ],
  [
    'a further rule without a name is a difference',
    { rules: [{ verbs: ['get'] }] },
    { rules: [{ verbs: ['get'] }, { verbs: ['*'] }] },
    false,
  ],
  [
    'one nameless item makes the list go by position',
    { tolerations: [{ key: 'a' }, { operator: 'Exists' }] },
    { tolerations: [{ operator: 'Exists' }, { key: 'a' }] },
    false,
  ],
  ['a prototype field is not a live field', { toString: 'x' }, {}, false],
];

test.each(CASES)('%s', (_, desired, other, expected) => {
  expect(matches(desired, other)).toBe(expected);
});

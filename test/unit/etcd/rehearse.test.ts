import { expect, test } from '@jest/globals';
import { kindOf } from '../../../src/etcd/rehearse.ts';

test.each([
  ['/registry/pods/default/a', 'pods'],
  ['/registry/minions/node-1', 'minions'],
  ['/registry/apiregistration.k8s.io/apiservices/v1.apps', 'apiregistration.k8s.io/apiservices'],
  ['/registry/example.com/widgets/default/w', 'example.com/widgets'],
  ['/registry/services/specs/default/x', 'services'],
  ['compact_rev_key', ''],
  ['/other/pods/a', ''],
])('%s is of kind %p', (key, kind) => {
  expect(kindOf(key)).toBe(kind);
});

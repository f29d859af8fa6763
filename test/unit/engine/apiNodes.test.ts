import { expect, test } from '@jest/globals';
import { nodeFacts, nodePatch } from '../../../src/engine/apiNodes.ts';
import type { Json } from '../../../src/model/inventory.ts';

const node = {
  metadata: {
    name: 'cp-1',
    resourceVersion: '42',
    labels: { 'kubernetes.io/os': 'linux', zone: 'a', old: 'x' },
    annotations: { 'kbin.dev/labels': '["zone","old"]', 'kbin.dev/taints': '["gone=:NoExecute","kept=v:NoSchedule"]' },
  },
  spec: {
    taints: [
      { key: 'foreign', effect: 'NoSchedule' },
      { key: 'gone', effect: 'NoExecute', timeAdded: '2026-01-01T00:00:00Z' },
      { key: 'kept', value: 'v', effect: 'NoSchedule' },
    ],
  },
};
const settings = {
  host: 'cp-1',
  labels: { zone: 'a', old: 'x' },
  taints: [
    { key: 'gone', effect: 'NoExecute' },
    { key: 'kept', value: 'v', effect: 'NoSchedule' },
  ],
};

test('a Node that has everything needs no patch', () => {
  expect(nodePatch(node, settings)).toBeNull();
});

test('labels and taints that left the inventory leave the Node, and those of others stay', () => {
  const patch = nodePatch(node, {
    host: 'cp-1',
    labels: { zone: 'b' },
    taints: [{ key: 'kept', value: 'v', effect: 'NoSchedule' }],
  });
  expect(patch).toEqual({
    metadata: {
      resourceVersion: '42',
      labels: { old: null, zone: 'b' },
      annotations: { 'kbin.dev/labels': '["zone"]', 'kbin.dev/taints': '["kept=v:NoSchedule"]' },
    },
    spec: {
      taints: [
        { key: 'foreign', effect: 'NoSchedule' },
        { key: 'kept', value: 'v', effect: 'NoSchedule' },
      ],
    },
  });
});

test('a taint with another value replaces the one of the same key and effect, foreign or not', () => {
  const taints = [
    { key: 'kept', value: 'w', effect: 'NoSchedule' },
    { key: 'foreign', value: 'mine', effect: 'NoSchedule' },
    { key: 'gone', effect: 'NoExecute' },
  ];
  expect(nodePatch(node, { ...settings, taints })).toMatchObject({
    spec: {
      taints: [
        { key: 'gone', effect: 'NoExecute', timeAdded: '2026-01-01T00:00:00Z' },
        { key: 'kept', value: 'w', effect: 'NoSchedule' },
        { key: 'foreign', value: 'mine', effect: 'NoSchedule' },
      ],
    },
  });
});

test('a label that is there already becomes kbin’s, so that it can be removed later', () => {
  const patch = nodePatch(node, { ...settings, labels: { ...settings.labels, 'kubernetes.io/os': 'linux' } });
  expect(patch).toEqual({
    metadata: {
      resourceVersion: '42',
      labels: {},
      annotations: { 'kbin.dev/labels': '["kubernetes.io/os","old","zone"]' },
    },
  });
});

test('a label that somebody else removed is not removed again', () => {
  const live = { ...node, metadata: { ...node.metadata, labels: { zone: 'a' } } };
  expect(nodePatch(live, { ...settings, labels: { zone: 'a' } })).toMatchObject({ metadata: { labels: {} } });
});

test('a bare Node gets no annotation when there is nothing to remember', () => {
  expect(
    nodePatch({ metadata: { name: 'cp-1', resourceVersion: '1' } }, { host: 'cp-1', labels: {}, taints: [] }),
  ).toBeNull();
});

test.each<[string, Json]>([
  ['no JSON', 'not json'],
  ['no list', '{"a":1}'],
  ['a list of numbers', '[1,2]'],
])('an annotation that is %s counts as empty', (_, text) => {
  const live = { metadata: { ...node.metadata, annotations: { 'kbin.dev/taints': text, 'kbin.dev/labels': text } } };
  expect(nodeFacts(live)).toMatchObject({ ownTaints: [], ownLabels: [] });
});

test('a Node whose Ready is not True is not ready', () => {
  const of = (status: string): boolean =>
    nodeFacts({ ...node, status: { conditions: [{ type: 'Ready', status }] } }).ready;
  expect([of('True'), of('False'), of('Unknown'), nodeFacts(node).ready]).toEqual([true, false, false, false]);
});

test('the planner is told labels, taints and what kbin set', () => {
  const status = {
    conditions: [
      { type: 'MemoryPressure', status: 'False' },
      { type: 'Ready', status: 'True' },
    ],
    nodeInfo: { kubeletVersion: 'v1.36.2' },
  };
  expect(nodeFacts({ ...node, status })).toEqual({
    labels: { 'kubernetes.io/os': 'linux', zone: 'a', old: 'x' },
    taints: [
      { key: 'foreign', effect: 'NoSchedule' },
      { key: 'gone', effect: 'NoExecute' },
      { key: 'kept', value: 'v', effect: 'NoSchedule' },
    ],
    ownTaints: ['gone=:NoExecute', 'kept=v:NoSchedule'],
    ownLabels: ['zone', 'old'],
    ready: true,
    kubeletVersion: 'v1.36.2',
  });
});

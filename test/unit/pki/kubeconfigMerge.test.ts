import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { KbinError } from '../../../src/errors.ts';
import { Secret } from '../../../src/model/secret.ts';
import type { KubeconfigParts } from '../../../src/pki/kubeconfig.ts';
import { mergedKubeconfig, type MergeChoices } from '../../../src/pki/kubeconfigMerge.ts';

/**
 * `before.yaml` becomes `after.yaml`. After a wanted change: UPDATE_GOLDENS=1 npm test -- test/unit/pki/kubeconfigMerge,
 * and read the diff.
 */
const root = join(import.meta.dirname, '../../fixtures/kubeconfig');

const parts = (changes: Partial<KubeconfigParts> = {}): KubeconfigParts => ({
  cluster: 'prod',
  clusterId: '9d7e759e40139403',
  server: 'https://api.example.com:6443',
  ca: 'CA\n',
  user: 'alice@prod',
  certificate: 'CERT\n',
  key: new Secret('KEY\n'),
  context: 'alice@prod',
  ...changes,
});

const merged = (text: string, changes: Partial<KubeconfigParts> = {}, choices: Partial<MergeChoices> = {}): string =>
  mergedKubeconfig({ text, file: 'config' }, parts(changes), { use: false, force: false, ...choices }).reveal();

const CASES: Record<string, [Partial<KubeconfigParts>, Partial<MergeChoices>]> = {
  empty: [{}, {}],
  'other-clusters': [{}, {}],
  reissue: [{}, {}],
  spelling: [{}, { use: true }],
  json: [{ namespace: 'web' }, { use: true }],
  'null-lists': [{}, {}],
  'flow-lists': [{ context: 'yes', user: '123' }, {}],
  'endpoint-changed': [{ namespace: 'default' }, {}],
  forced: [{}, { force: true }],
  aliases: [{}, {}],
  'no-current-context': [{}, {}],
};

test('every case has a folder, and every folder a case', () => {
  expect(readdirSync(root).toSorted()).toEqual(Object.keys(CASES).toSorted());
});

describe.each(Object.entries(CASES))('%s', (name, [changes, choices]) => {
  const file = (which: string): string => join(root, name, `${which}.yaml`);
  const before = readFileSync(file('before'), 'utf8');

  test('becomes what stands in after.yaml', () => {
    const after = merged(before, changes, choices);
    if (process.env['UPDATE_GOLDENS'] !== undefined) writeFileSync(file('after'), after);
    expect(after).toBe(readFileSync(file('after'), 'utf8'));
  });

  test('stays the same when it is merged again', () => {
    const after = merged(before, changes, choices);
    expect(merged(after, changes, { use: choices.use ?? false })).toBe(after);
  });
});

const refusal = (text: string, changes: Partial<KubeconfigParts> = {}): KbinError => {
  try {
    merged(text, changes);
  } catch (error) {
    if (error instanceof KbinError) return error;
    throw error;
  }
  throw new Error('it was merged');
};

test.each<[string, string]>([
  ['clusters:\n- name: a\n   cluster: b\n', 'config:3:11 is broken YAML'],
  ['users: [a,\n  b', 'config:2:4 is broken YAML'],
  ['a: "open\n', 'config:2:1 is broken YAML'],
  ['kind: Config\nkind: Config\n', 'config:2:1 is broken YAML: duplicated mapping key'],
  ['kind: Config\nusers: *nobody\n', 'config:2:9 is broken YAML'],
  ['kind: Config\n---\nkind: Config\n', 'config holds 2 YAML documents'],
  ['kind: Config\nusers: {}\n', 'config: users is no list'],
  ['kind: Config\nusers: nobody\n', 'config: users is no list'],
  ['x: &list [{name: a}]\nkind: Config\nusers: *list\n', 'config: users is no list that stands there itself'],
  ['users: [{name: a}, {name: b}, {name: a}]\n', 'config: two users are called "a"'],
  ['name: prod\nhosts: []\n', 'config is no kubeconfig'],
  ['apiVersion: v1\nkind: Secret\n', 'config is no kubeconfig'],
  ['- a\n', 'config is no kubeconfig'],
  ['just text\n', 'config is no kubeconfig'],
  [
    'users:\n- name: alice@prod\n  user: &shared {token: a}\n- name: b\n  user: *shared\n',
    'config uses YAML anchors in an entry that would be replaced',
  ],
])('%j is refused', (text, message) => {
  const { code, message: told, hint } = refusal(text);
  expect(told).toContain(message);
  expect([code, hint?.includes('Nothing was changed.') ?? false]).toEqual(['USAGE', true]);
});

const config = (clusters: object[], contexts: object[]): string =>
  JSON.stringify({
    clusters: clusters.map((cluster) => ({ name: 'other', cluster })),
    contexts,
  });
const elsewhere = { server: 'https://elsewhere.example.com:6443' };

test.each<[string, string, string]>([
  [
    'the context leads to another server',
    config([elsewhere], [{ name: 'alice@prod', context: { cluster: 'other', user: 'a' } }]),
    'config: the context "alice@prod" points to https://elsewhere.example.com:6443, not https://api.example.com:6443',
  ],
  [
    'the context leads to a cluster of another file',
    config([], [{ name: 'alice@prod', context: { cluster: 'faraway', user: 'a' } }]),
    'config: the context "alice@prod" points to a cluster "faraway" of another file',
  ],
  [
    'another cluster has the name',
    JSON.stringify({ clusters: [{ name: 'prod', cluster: elsewhere }] }),
    'config: another cluster "prod" is there already, https://elsewhere.example.com:6443',
  ],
  [
    'another cluster of that name was written by another kbin',
    JSON.stringify({
      clusters: [
        {
          name: 'prod',
          cluster: { ...elsewhere, extensions: [{ name: 'kbin', extension: { clusterId: 'another' } }] },
        },
      ],
    }),
    'config: another cluster "prod" is there already',
  ],
  [
    'the user is used for another server',
    config([elsewhere], [{ name: 'mine', context: { cluster: 'other', user: 'alice@prod' } }]),
    'config: the user "alice@prod" is the one for https://elsewhere.example.com:6443 too',
  ],
])('refused unless forced: %s', (_, text, message) => {
  const { code, message: told, hint } = refusal(text);
  expect([code, told]).toEqual(['REFUSED', expect.stringContaining(message)]);
  expect(hint).toContain('--force');
  const { contexts } = load(merged(text, {}, { force: true })) as { contexts: unknown[] };
  expect(contexts).toContainEqual({ name: 'alice@prod', context: { cluster: 'prod', user: 'alice@prod' } });
});

test('the current context changes only when there was none or by --use', () => {
  const current = (text: string, use = false) =>
    (load(merged(text, {}, { use })) as Record<string, unknown>)['current-context'];
  expect(current('current-context: mine\n')).toBe('mine');
  expect(current('current-context: mine\n', true)).toBe('alice@prod');
  expect(current('current-context: ""\n')).toBe('alice@prod');
  expect(current('current-context:\n')).toBe('alice@prod');
});

test('no error shows what is in the file', () => {
  const error = refusal('users:\n- name: a\n  user: {token: c2VjcmV0}\n   x: y\n');
  expect(JSON.stringify([error.message, error.hint, error.evidence])).not.toContain('c2VjcmV0');
});

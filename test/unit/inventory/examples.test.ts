import { readdirSync, readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { load } from 'js-yaml';
import { expect, test } from '@jest/globals';
import { inventorySchema, type JsonSchema } from '../../../src/inventory/schema.ts';
import { inventoryOf, repository } from './inventories.ts';

const FOLDER = repository('inventory/');
const textOf = (name: string): string => readFileSync(`${FOLDER}${name}`, 'utf8');
const names = readdirSync(FOLDER).filter((file) => file.endsWith('.yaml'));

test('the topologies that kbin init offers are there', () => {
  expect(names.toSorted()).toEqual(
    ['airgap', 'existing-etcd', 'ha-external-etcd', 'ha-stacked', 'lab', 'reference', 'single'].map(
      (name) => `${name}.yaml`,
    ),
  );
});

test.each(names)('%s is sound', (name) => {
  expect(inventoryOf(textOf(name)).hosts.length).toBeGreaterThan(0);
});

test.each(names)('%s is a cluster of its own: two that are tried out share no certificate store', (name) => {
  expect(`${inventoryOf(textOf(name)).cluster}.yaml`).toBe(name);
});

const SCHEMA = inventorySchema();
const validate = new Ajv({ strict: true, allowUnionTypes: true }).compile(SCHEMA);

test.each(names)('schema.json accepts %s', (name) => {
  validate(load(textOf(name)));
  expect(validate.errors).toBeNull();
});

test('schema.json refuses an unknown key, a wrong word and a missing host', () => {
  const sound = load(textOf('single.yaml')) as Record<string, unknown>;
  expect(validate({ ...sound, netwrok: {} })).toBe(false);
  expect(validate({ ...sound, network: { proxyMode: 'ipvs' } })).toBe(false);
  expect(validate({ ...sound, hosts: [] })).toBe(false);
  expect(validate(sound)).toBe(true);
});

/** Every key of the schema as `Definition.key` or `section.key`; with each, what it holds. */
function keysOf(schema: JsonSchema, at: string): Map<string, JsonSchema> {
  const keys = new Map<string, JsonSchema>();
  const shapes = [schema, ...(schema.oneOf ?? [])];
  for (const shape of shapes) {
    for (const [key, child] of Object.entries(shape.properties ?? {})) {
      keys.set(`${at}.${key}`, child);
      for (const [nested, inner] of keysOf(child, `${at}.${key}`)) keys.set(nested, inner);
    }
  }
  return keys;
}

/** The keys of the schema that a value uses. */
function used(value: unknown, schema: JsonSchema | undefined, at: string): string[] {
  const name = (schema?.$ref ?? schema?.allOf?.[0]?.$ref)?.replace('#/definitions/', '');
  if (name !== undefined) return used(value, SCHEMA.definitions?.[name], name);
  if (Array.isArray(value)) return value.flatMap((item) => used(item, schema?.items, at));
  if (typeof value !== 'object' || value === null || schema === undefined) return [];
  return Object.entries(value).flatMap(([key, item]) => {
    const child = [schema, ...(schema.oneOf ?? [])].map((shape) => shape.properties?.[key]).find(Boolean);
    if (child !== undefined) return [`${at}.${key}`, ...used(item, child, `${at}.${key}`)];
    return typeof schema.additionalProperties === 'object' ? used(item, schema.additionalProperties, at) : [];
  });
}

test('reference.yaml shows every key of the schema', () => {
  const all = [
    ...keysOf(SCHEMA, 'cluster').keys(),
    ...Object.entries(SCHEMA.definitions ?? {}).flatMap(([name, definition]) => [...keysOf(definition, name).keys()]),
  ];
  const shown = new Set(used(load(textOf('reference.yaml')), SCHEMA, 'cluster'));
  expect(all.length).toBeGreaterThan(120);
  // What stands at the cluster need not be repeated for pools and hosts, which take the same components.
  expect(all.filter((key) => !shown.has(key) && !shown.has(key.replace(/^Components/, 'ClusterComponents')))).toEqual(
    [],
  );
});

test('every key of the schema has a description', () => {
  const all = [
    ...keysOf(SCHEMA, 'cluster'),
    ...Object.entries(SCHEMA.definitions ?? {}).flatMap(([name, definition]) => [...keysOf(definition, name)]),
  ];
  expect(all.filter(([, child]) => child.description === undefined).map(([key]) => key)).toEqual([]);
});

test('the lab needs nothing of the operator but its key and known hosts', () => {
  const lab = inventoryOf(textOf('lab.yaml'), {});
  expect(lab.hosts.map(({ name, address }) => `${name} ${address}`)).toEqual([
    'node-1 10.77.0.11',
    'node-2 10.77.0.12',
    'node-3 10.77.0.13',
  ]);
  const [host] = lab.hosts;
  expect(host?.roles).toEqual(['etcd', 'control-plane', 'worker']);
  expect(host?.ssh).toMatchObject({
    user: 'root',
    keys: ['/run/kbin-lab/lab/id_ed25519'],
    knownHosts: ['/run/kbin-lab/lab/known_hosts'],
    agent: false,
    hostKeys: 'strict',
    become: { method: 'none' },
  });
  expect(host?.components.kubelet.config).toEqual({ failCgroupV1: false, cgroupDriver: 'cgroupfs', failSwapOn: false });
  expect(host?.components.containerd.config).toEqual({
    plugins: {
      'io.containerd.cri.v1.runtime': {
        restrict_oom_score_adj: true,
        containerd: { runtimes: { runc: { options: { SystemdCgroup: false } } } },
      },
    },
  });
});

import { COMPONENTS, type ComponentName, type Json, type JsonObject, type Override } from '../model/inventory.ts';
import type { Draft } from './schema/cluster.ts';

/** Cluster, pool and host lay their settings over each other; the later wins key by key. */

/** Any level that says something about a component. */
interface DraftOverride {
  args?: Keyed<Scalar | string[] | null> | undefined;
  config?: object | undefined;
  env?: Keyed<Scalar> | undefined;
  resources?: Keyed<Scalar> | undefined;
}
type Scalar = string | number | boolean;
export type DraftComponents = NonNullable<Draft['components']>;

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * `base` with `change` laid over it: mappings key by key, everything else replaces. `null` stays, because it still
 * has to remove the key from what kbin itself writes.
 */
export function deepMerge(base: JsonObject, change: JsonObject): JsonObject {
  const result = new Map<string, Json>(Object.entries(base));
  for (const [key, value] of Object.entries(change)) {
    const before = result.get(key);
    result.set(key, isObject(before) && isObject(value) ? deepMerge(before, value) : value);
  }
  return Object.fromEntries(result);
}

const argument = (value: Scalar | string[] | null): string | string[] | null =>
  value === null || Array.isArray(value) ? value : String(value);

const mapValues = <From, To>(values: Record<string, From>, change: (value: From) => To): Record<string, To> =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, change(value)]));

type Keyed<Value> = Partial<Record<string, Value>>;

/** All keys of all levels, the last level winning. */
const layered = <Value>(levels: readonly (Keyed<Value> | undefined)[]): Record<string, Value> =>
  Object.fromEntries(
    levels.flatMap((level) =>
      Object.entries(level ?? {}).flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const])),
    ),
  );

function override(given: readonly (DraftOverride | undefined)[]): Override {
  const levels = given.filter((level) => level !== undefined);
  return {
    args: mapValues(layered(levels.map(({ args }) => args)), argument),
    config: levels.reduce<JsonObject>((merged, { config }) => deepMerge(merged, jsonObject(config)), {}),
    env: mapValues(layered(levels.map(({ env }) => env)), String),
    resources: mapValues(layered(levels.map(({ resources }) => resources)), String),
  };
}

/** YAML in the core schema holds nothing that JSON does not; check/components.ts refuses NaN and the infinities. */
const jsonObject = (config: object | undefined): JsonObject => (config ?? {}) as JsonObject;

/** Settings of every component on one host. */
export const mergedComponents = (
  levels: readonly (Partial<Record<ComponentName, DraftOverride | undefined>> | undefined)[],
): Record<ComponentName, Override> =>
  Object.fromEntries(COMPONENTS.map((name) => [name, override(levels.map((level) => level?.[name]))])) as Record<
    ComponentName,
    Override
  >;

import type { Json, JsonObject } from '../model/inventory.ts';

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `base` with `change` laid over it, object by object; a list replaces a list, `null` removes a key. */
export function merged(base: JsonObject, change: JsonObject): JsonObject {
  const result = new Map(Object.entries(base));
  for (const [key, value] of Object.entries(change)) {
    const before = result.get(key);
    if (value === null) result.delete(key);
    else if (isObject(value)) result.set(key, merged(isObject(before) ? before : {}, value));
    else result.set(key, value);
  }
  return Object.fromEntries(result);
}

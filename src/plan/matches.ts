import type { Json, JsonObject } from '../model/inventory.ts';

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What tells the items of a list apart: `name` as containers have it, or `key` as taints and tolerations have it. */
function identityOf(item: Json): string | undefined {
  if (!isObject(item)) return undefined;
  const identity = item.name ?? item.key;
  return typeof identity === 'string' ? identity : undefined;
}

function listMatches(desired: Json[], live: Json | undefined): boolean {
  // The API drops empty lists.
  if (desired.length === 0 && (live === undefined || live === null)) return true;
  if (!Array.isArray(live)) return false;
  if (desired.length > 0 && desired.every((item) => identityOf(item) !== undefined)) {
    // Two items may share a name (a toleration for each effect), so any live one of that name will do.
    return desired.every((item) =>
      live.some((candidate) => identityOf(candidate) === identityOf(item) && isContained(item, candidate)),
    );
  }
  // Without a name to merge by, server-side apply replaces the whole list: a longer live one is a difference.
  return desired.length === live.length && desired.every((item, index) => isContained(item, live[index]));
}

function isContained(desired: Json, live: Json | undefined): boolean {
  if (desired === null) return live === undefined || live === null;
  if (Array.isArray(desired)) return listMatches(desired, live);
  if (isObject(desired)) {
    return isObject(live) && Object.entries(desired).every(([field, value]) => isContained(value, live[field]));
  }
  return desired === live;
}

/**
 * True when every desired field is present in the live object and equal. What the live object has beyond that (defaults,
 * status, fields of other owners) does not count. Items of lists are matched by `name` or `key` where all desired ones
 * have one, otherwise by position and then the lengths must be equal. `null` stands for "absent".
 */
export const matches = (desired: Json, live: Json): boolean => isContained(desired, live);

import type { Json, JsonObject } from '../model/inventory.ts';

/** What a body says, or null when it is not JSON. */
export function parseJson(body: string): Json {
  try {
    return JSON.parse(body) as Json;
  } catch {
    return null;
  }
}

export const isJsonObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The value at the end of a path of field names; undefined where the path breaks off. */
export function field(value: Json | undefined, ...path: string[]): Json | undefined {
  let current = value;
  for (const name of path) current = isJsonObject(current) ? current[name] : undefined;
  return current;
}

/** The text, or number as text, at the end of a path; '' for anything else. */
export function textAt(value: Json | undefined, ...path: string[]): string {
  const found = field(value, ...path);
  return typeof found === 'string' || typeof found === 'number' ? String(found) : '';
}

/** The objects of the list at the end of a path; none where there is no list. */
export function objectsAt(value: Json | undefined, ...path: string[]): JsonObject[] {
  const found = field(value, ...path);
  return Array.isArray(found) ? found.filter(isJsonObject) : [];
}

/** The texts of the map at the end of a path, such as labels. */
export function textsAt(value: Json | undefined, ...path: string[]): Record<string, string> {
  const found = field(value, ...path);
  if (!isJsonObject(found)) return {};
  return Object.fromEntries(
    Object.entries(found).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

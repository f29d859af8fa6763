import { z } from 'zod';
import { cluster } from './schema/cluster.ts';

/** The part of JSON Schema (draft 7) that occurs here. */
export interface JsonSchema {
  $schema?: string;
  $id?: string;
  $ref?: string;
  title?: string;
  description?: string;
  type?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: boolean | JsonSchema;
  propertyNames?: JsonSchema;
  items?: JsonSchema;
  minItems?: number;
  enum?: (string | number)[];
  const?: unknown;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
  default?: unknown;
  otherwise?: string;
  examples?: unknown[];
  definitions?: Record<string, JsonSchema>;
}

/** The schema as it is documented: with `otherwise`, the defaults that are told in words. */
export function describedSchema(): JsonSchema {
  const schema = z.toJSONSchema(cluster, { target: 'draft-07', io: 'input' }) as JsonSchema;
  return { ...schema, title: 'kbin inventory' };
}

/** JSON Schema of an inventory, for editors: inventory/schema.json. Checks across fields are not in it. */
export const inventorySchema = (): JsonSchema =>
  JSON.parse(
    JSON.stringify(describedSchema(), (key, value: unknown) => (key === 'otherwise' ? undefined : value)),
  ) as JsonSchema;

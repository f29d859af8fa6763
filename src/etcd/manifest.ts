import type { SnapshotManifest } from '../model/snapshot.ts';

/** Larger than any: a file of another kind under a manifest's name is not read into memory. */
export const MANIFEST_BYTES = 64 * 1024;

type Form = (value: unknown) => boolean;

const text: Form = (value) => typeof value === 'string' && value !== '';
const count: Form = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const hex = (digits: number): Form => {
  const form = new RegExp(`^[0-9a-f]{${digits}}$`);
  return (value) => typeof value === 'string' && form.test(value);
};
const oneOf =
  (...values: unknown[]): Form =>
  (value) =>
    values.includes(value);
const time: Form = (value) => typeof value === 'string' && !Number.isNaN(Date.parse(value));
const optional =
  (form: Form): Form =>
  (value) =>
    value === undefined || form(value);
const shape =
  (forms: Record<string, Form>): Form =>
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries(forms).every(([key, form]) => form((value as Record<string, unknown>)[key]));

const FILE = { file: text, bytes: count, sha256: hex(64) };
const isManifest = shape({
  version: oneOf(1),
  name: text,
  cluster: text,
  clusterId: text,
  etcdClusterId: hex(16),
  member: text,
  takenAt: time,
  revision: count,
  keys: optional(count),
  hash: optional(hex(8)),
  versions: shape({ etcd: text, kubernetes: text, kbin: text }),
  database: shape({ bytes: count, sha256: hex(64) }),
  stored: shape({ ...FILE, compression: oneOf('none', 'gzip', 'zstd'), encrypted: oneOf(true, false) }),
  pki: optional(shape(FILE)),
} satisfies Record<keyof SnapshotManifest, Form>);

export type ReadManifest = { manifest: SnapshotManifest } | { version: unknown } | 'damaged';

/** The manifest in a text; only its version where this kbin does not know it; `damaged` for anything else. */
export function readManifest(json: string): ReadManifest {
  const value = parsed(json);
  if (isManifest(value)) return { manifest: value as SnapshotManifest };
  if (typeof value !== 'object' || value === null || !('version' in value)) return 'damaged';
  return value.version === 1 ? 'damaged' : { version: value.version };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

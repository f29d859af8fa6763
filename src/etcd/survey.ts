import { KbinError } from '../errors.ts';
import { fanOut } from '../engine/fanOut.ts';
import type { SnapshotManifest } from '../model/snapshot.ts';
import { MANIFEST_BYTES, readManifest } from './manifest.ts';
import { manifestOf, snapshotFile } from './names.ts';
import type { SnapshotTarget, StoredFile } from './target.ts';

/** Manifests read at once: each is a small file and a way to the target and back. */
const READS_AT_ONCE = 8;

export interface WhoseSnapshots {
  cluster: string;
  /** The identity that kbin gave the cluster: a cluster that was made anew has the same name and another one. */
  clusterId: string;
}

/** All that lies at a target under one snapshot's name. */
export interface FoundSnapshot {
  name: string;
  /** Milliseconds since the epoch. */
  takenAt: number;
  files: StoredFile[];
  /**
   * `verified`: its manifest was written, and all that it tells of is there in full. `damaged`: something of it is
   * missing. `loose`: no manifest, so an upload that was never finished, or a removal. `foreign`: of another cluster of this name.
   * `unknown`: nobody can say, because its manifest cannot be read or comes from another version of kbin.
   */
  state: 'verified' | 'damaged' | 'loose' | 'foreign' | 'unknown';
  /** Why it is not verified. */
  why?: string;
  manifest?: SnapshotManifest;
}

/**
 * The snapshots of one cluster at a target, the newest first; files of others are not looked at. Rejects when the target
 * cannot be reached; one manifest that cannot be read only makes its own snapshot unknown.
 */
export async function survey(target: SnapshotTarget, whose: WhoseSnapshots): Promise<FoundSnapshot[]> {
  const groups = new Map<string, Group>();
  for (const file of await target.list()) {
    const found = snapshotFile(file.name);
    if (found?.cluster !== whose.cluster) continue;
    const group = groups.get(found.name) ?? { name: found.name, takenAt: found.takenAt, files: [] };
    group.files.push(file);
    groups.set(found.name, group);
  }
  const looked = await fanOut([...groups.values()], READS_AT_ONCE, async (group) => ({
    ...group,
    ...(await stateOf(target, group, whose)),
  }));
  return looked
    .map((result) => {
      if (!result.ok) throw result.error;
      return result.value;
    })
    .sort((one, other) => other.takenAt - one.takenAt || (one.name < other.name ? 1 : -1));
}

type Group = Pick<FoundSnapshot, 'name' | 'takenAt' | 'files'>;
type State = Pick<FoundSnapshot, 'state' | 'why' | 'manifest'>;

async function stateOf(target: SnapshotTarget, group: Group, { clusterId }: WhoseSnapshots): Promise<State> {
  const file = group.files.find(({ name }) => name === manifestOf(group.name));
  if (file === undefined) return { state: 'loose', why: 'it has no manifest' };
  const text = await manifestText(target, file);
  if (typeof text !== 'string') return { state: 'unknown', why: text.why };
  const read = readManifest(text);
  if (read === 'damaged') return { state: 'damaged', why: 'its manifest is none' };
  if ('version' in read) return { state: 'unknown', why: 'its manifest is of another version of kbin' };
  const { manifest } = read;
  if (manifest.clusterId !== clusterId) return { state: 'foreign', why: 'of another cluster of this name', manifest };
  const why = missingOf(manifest, group);
  return why === undefined ? { state: 'verified', manifest } : { state: 'damaged', why, manifest };
}

async function manifestText(target: SnapshotTarget, { name, bytes }: StoredFile): Promise<string | { why: string }> {
  if (bytes > MANIFEST_BYTES) return '';
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of (await target.open(name)) as AsyncIterable<Buffer>) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  } catch (error) {
    // Whatever the target says of this one file is no reason to give up the others, nor to take it for damaged.
    if (error instanceof KbinError && error.code === 'STEP')
      return { why: `its manifest cannot be read: ${error.message}` };
    throw error;
  }
}

/** What of a snapshot is not as its manifest tells. */
function missingOf({ name, stored, pki }: SnapshotManifest, group: Group): string | undefined {
  if (name !== group.name) return `its manifest is that of ${name}`;
  for (const { file, bytes } of pki === undefined ? [stored] : [stored, pki]) {
    const there = group.files.find((one) => one.name === file);
    if (there === undefined) return `${file} is missing`;
    if (there.bytes !== bytes) return `${file} has ${there.bytes} bytes, not ${bytes}`;
  }
  return undefined;
}

import { dirname } from 'node:path';
import type { Inventory } from '../model/inventory.ts';
import { complaintsAcross } from './check.ts';
import { entriesOf, type Ground } from './check/ground.ts';
import { expand, type Origin } from './expand.ts';
import { describePath, type Complaint, type Fault } from './fault.ts';
import { complaintsOf, without, type Sound } from './issues.ts';
import { readYaml, type Source } from './positions.ts';
import { expandEntry } from './ranges.ts';
import { cluster, type Draft } from './schema/cluster.ts';
import type { World } from './world.ts';

export type Parsed = { inventory: Inventory } | { faults: Fault[] };

/**
 * The inventory of a text, or everything that is wrong with it, in the order of the lines. Pure: files that hold
 * secrets are not read, and those secrets are empty; loadInventory reads them.
 * @param file Absolute path of the text, at whose folder relative paths start.
 * @param environment Gives HOME and the variables that hold secrets.
 */
export const parseInventory = (
  text: string,
  file: string,
  environment: Readonly<Record<string, string | undefined>>,
): Parsed => inventoryIn({ file, text }, { environment, folder: dirname(file), readSecret: () => ({ text: '' }) });

/** The same in a given world. */
export function inventoryIn(origin: Origin, world: World): Parsed {
  const source = readYaml(origin.text);
  if ('message' in source) {
    const { line, column, message, fix } = source;
    return { faults: [{ line, column, path: '', message, fix }] };
  }
  const parsed = cluster.safeParse(source.value);
  const formal = [...source.complaints, ...complaintsOf(parsed.error?.issues ?? [])];
  const complaints = [...formal, ...complaintsBeyond(formal, source, world)];
  if (complaints.length === 0 && parsed.success) return { inventory: expand(parsed.data, world, origin) };
  return { faults: complaints.map((complaint) => faultOf(complaint, source)).sort(byPlace) };
}

/** What the checks across fields say of the parts that the schema finds sound. */
function complaintsBeyond(formal: readonly Complaint[], source: Source, world: World): Complaint[] {
  const paths = formal.map(({ path }) => path);
  // Only what has the schema's form is left, with holes where the complaints point.
  const draft = (without(source.value, paths) ?? {}) as Sound<Draft>;
  const expanded = entriesOf(draft).map(({ entry, index }) => expandEntry(entry, index));
  const ranges = expanded.flatMap(({ complaints }) => complaints);
  const ground: Ground = {
    draft,
    hosts: expanded.flatMap(({ hosts }) => hosts),
    known: [...formal, ...ranges],
    world,
    lineOf: (path) => source.positionOf(path, 'value').line,
    plainTextOf: source.plainTextOf,
  };
  return [...ranges, ...complaintsAcross(ground)];
}

const faultOf = ({ path, at, message, fix }: Complaint, source: Source): Fault => ({
  ...source.positionOf(path, at),
  path: describePath(path),
  message,
  fix,
});

const byPlace = (a: Fault, b: Fault): number => a.line - b.line || a.column - b.column;

import { expect, test } from '@jest/globals';
import { FAULT_KINDS, faultsOf, survives, type FaultKind } from './faultCase.ts';
import type { Operation } from './operations.ts';
import { INVENTORIES, Site } from './site.ts';

const SECOND = 1000;
const LIMIT = 240 * SECOND;

/** `KBIN_FAULTS=all`: every operation on every host of the larger inventories too, which takes minutes. */
const ALL = process.env['KBIN_FAULTS'] === 'all';

async function operationsOf(text: string): Promise<Operation[]> {
  const site = new Site(text);
  const { exitCode, error } = await site.deploy();
  expect([exitCode, error]).toEqual([0, undefined]);
  return [...site.world.operations];
}

async function brokenBy(kind: FaultKind, text: string, operations: readonly Operation[]): Promise<string[]> {
  const problems: string[] = [];
  for (const fault of faultsOf(kind, operations)) problems.push(...(await survives(new Site(text), fault)));
  return problems;
}

test.each(FAULT_KINDS.map((kind) => [kind.name, kind] as const))(
  'single node, each operation: %s',
  async (_name, kind) => {
    const operations = await operationsOf(INVENTORIES.single);
    expect(operations.length).toBeGreaterThan(50);
    expect(await brokenBy(kind, INVENTORIES.single, operations)).toEqual([]);
  },
  LIMIT,
);

/** Hosts of a role are alike, and so are uploads: one host of each, and one upload of many. */
const chosen = (operations: readonly Operation[], hosts: readonly string[]): Operation[] =>
  operations.filter(({ on, verb, number }) => {
    if (ALL) return true;
    if (verb === 'object' || verb === 'upload') return number % 9 === 0;
    return hosts.includes(on) || on === 'api';
  });

test.each(FAULT_KINDS.map((kind) => [kind.name, kind] as const))(
  'three stacked nodes, each operation on the second: %s',
  async (_name, kind) => {
    const operations = await operationsOf(INVENTORIES.stacked);
    expect(await brokenBy(kind, INVENTORIES.stacked, chosen(operations, ['cp-2']))).toEqual([]);
  },
  LIMIT,
);

test.each(FAULT_KINDS.map((kind) => [kind.name, kind] as const))(
  'etcd and workers apart, what is done to one of each: %s',
  async (_name, kind) => {
    const operations = await operationsOf(INVENTORIES.dedicated);
    const some = chosen(operations, ['etcd-3', 'worker-1']).filter(({ verb }) => ALL || verb === 'apply');
    expect(await brokenBy(kind, INVENTORIES.dedicated, some)).toEqual([]);
  },
  LIMIT,
);

test(
  'a connection that breaks once is no failure, wherever it breaks on a host',
  async () => {
    const hostVerbs = ['observe', 'upload', 'apply', 'acquire', 'renew', 'release'];
    const operations = (await operationsOf(INVENTORIES.single)).filter(({ verb }) => hostVerbs.includes(verb));
    const failed: string[] = [];
    for (const { number, verb, name } of operations) {
      for (const after of [0, Infinity]) {
        const site = new Site(INVENTORIES.single);
        site.world.conductor.fault = { at: number, after, then: 'lost' };
        const { exitCode, error } = await site.deploy();
        if (exitCode !== 0) failed.push(`operation ${number} (${verb} ${name}), after ${after}: ${String(error)}`);
      }
    }
    expect(failed).toEqual([]);
  },
  LIMIT,
);

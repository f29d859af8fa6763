import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Event } from '../../../src/model/event.ts';
import { appendAudit, auditRecords, type AuditedEngine } from '../../../src/ui/audit.ts';
import { threeHosts } from './recorded.ts';

const engine: AuditedEngine = {
  operator: { who: 'ada', from: 'desk' },
  run: '20260511T093000-1f2e3d',
  inventory: { cluster: 'lab', digest: 'a'.repeat(64) },
};
const audited = { engine, command: 'deploy', events: threeHosts };

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kbin-audit-'));
  file = join(folder, 'audit.jsonl');
});
afterEach(() => rm(folder, { recursive: true }));

const recordsIn = async (): Promise<Record<string, unknown>[]> =>
  (await readFile(file, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test('a run is who, from where, when, what on which cluster, then every host, then how it ended', () => {
  const records = auditRecords(audited) as Record<string, unknown>[];
  expect(records.map(({ record, host }) => (record === 'host' ? host : record))).toEqual([
    'run',
    'cp-1',
    'cp-2',
    'local',
    'cp-3',
    'api',
    'result',
  ]);
  expect(records[0]).toEqual({
    record: 'run',
    run: engine.run,
    who: 'ada',
    from: 'desk',
    at: '2026-05-11T09:30:00.120Z',
    command: 'deploy',
    cluster: 'lab',
    clusterId: '4be1c7a09d52f318',
    inventoryDigest: 'a'.repeat(64),
    planDigest: 'c0ffee00'.repeat(8),
    plannedSteps: 298,
  });
  expect(records.at(-1)).toEqual({
    record: 'result',
    run: engine.run,
    cluster: 'lab',
    at: '2026-05-11T09:30:18.123Z',
    ok: true,
    exitCode: 0,
    seconds: 18.003,
    changed: 298,
    failedHosts: [],
  });
});

test('a host’s record counts verbs and names every step with its result', () => {
  const host = auditRecords(audited)[1] as { verbs: object; steps: object[] };
  expect(host.verbs).toEqual({ binary: 13, file: 8, unit: 7 });
  expect(host.steps).toHaveLength(28);
  expect(host.steps).toContainEqual({ step: 'cp-1/unit:etcd.service', result: 'done' });
});

test('what failed is told with its first reason, also where no step was done', () => {
  const events: Event[] = [
    { type: 'host', host: 'cp-1', state: 'failed', message: 'connection refused', at: 1 },
    { type: 'step', step: 'cp-2/unit:etcd.service', host: 'cp-2', verb: 'unit', result: 'failed', at: 2 },
    { type: 'apply', wave: 'etcd', phase: 'etcd', host: 'cp-2', state: 'failed', steps: 1, message: 'it died', at: 2 },
  ];
  const records = auditRecords({ ...audited, events });
  expect(records.slice(1, 3)).toMatchObject([
    { host: 'cp-1', verbs: {}, steps: [], failure: 'connection refused' },
    { host: 'cp-2', verbs: {}, steps: [{ step: 'cp-2/unit:etcd.service', result: 'failed' }], failure: 'it died' },
  ]);
  // A run that told no end was a bug.
  expect(records.at(-1)).toMatchObject({ ok: false, exitCode: 70 });
});

test('the file is the operator’s alone, also where it was open to others', async () => {
  await writeFile(file, '', { mode: 0o644 });
  await appendAudit(file, audited);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test('runs are appended, and runs side by side keep their lines whole', async () => {
  await appendAudit(file, audited);
  const first = await readFile(file, 'utf8');
  await Promise.all(['a', 'b', 'c', 'd'].map((run) => appendAudit(file, { ...audited, engine: { ...engine, run } })));
  expect((await readFile(file, 'utf8')).startsWith(first)).toBe(true);
  const records = await recordsIn();
  expect(records).toHaveLength(7 * 5);
  for (const run of ['a', 'b', 'c', 'd']) expect(records.filter((record) => record['run'] === run)).toHaveLength(7);
});

test('a line that was torn by a crash does not swallow the next record', async () => {
  await writeFile(file, '');
  await appendFile(file, '{"record":"run","who":"a');
  await appendAudit(file, audited);
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  expect(lines).toHaveLength(8);
  expect(JSON.parse(lines[1]!)).toMatchObject({ record: 'run', who: 'ada' });
});
